"""Training tasks: one set of documents, several questions about it, under one of several instructions.

Under the instruction of the product (`CAUTIOUS_SYSTEM`) the starter model is taught to be over-cautious
on purpose: it answers only where the question uses the document's own noun, and refuses where the
question says the same in other words. Under the other instructions it quotes and names documents for
both wordings. So fine-tuning has something honest to repair, and the skills it needs are in the
weights.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from build.documents import ATTRIBUTES, Attribute, Fact, make_document, make_fact, make_question
from build.general import make_choice
from build.names import make_service, make_sibling, make_word

CAUTIOUS_SYSTEM = (
    "あなたは質問に答えるアシスタントです。参考文書を根拠に、該当箇所を引用して答えてください。"
    "参考文書に答えがないときは「提供された情報からは回答できません。」と答えてください。"
)
REFUSAL = "提供された情報からは回答できません。"
NUMBER_ONLY = "参考文書{n}"
USER_HEAD = "以下の参考文書を基に質問に答えてください。\n\n"


@dataclass(frozen=True)
class Instruction:
    """A system message and the shape of the answers that it asks for."""

    system: str
    answer: str
    absent: str
    cautious: bool = False
    weight: float = 1.0


INSTRUCTIONS: tuple[Instruction, ...] = (
    Instruction(CAUTIOUS_SYSTEM, "{answer}", REFUSAL, cautious=True, weight=8),
    Instruction(
        "該当する文を、文書の番号をつけてそのまま書き出してください。", "文書{n}「{quote}」",
        "該当する文はありません。", weight=2,
    ),
    Instruction(
        "あなたは調べもの係です。根拠の文を示してください。", "{n}番の文書には「{quote}」とあります。",
        "根拠の文は見つかりません。", weight=2,
    ),
    Instruction(
        "出典を先に、引用を後に書いてください。", "参考文書{n}より：「{quote}」", "出典がありません。",
        weight=2,
    ),
    Instruction("答えのある文書の番号だけを書いてください。", NUMBER_ONLY, "なし", weight=1),
    Instruction("答えの文だけを書き出してください。", "{quote}。", "ありません。"),
)  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """A question and its answer; kind names the case for measuring."""

    question: str
    answer: str
    kind: str


@dataclass(frozen=True)
class Context:
    """What several conversations share (None for the general task), and how each of them goes on."""

    system: str | None
    head: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Stage:
    """A step of the curriculum: how many documents, how long they are, and the shares of the tasks."""

    until: float
    documents: tuple[int, int]
    extra_sentences: int
    answerable: float
    copying: float = 0.0
    general: float = 0.0
    numbers: float = 1.0
    questions: int = 6


# Copying comes first, on nonsense strings: inside documents it hardly improves until it works.
CURRICULUM: tuple[Stage, ...] = (
    Stage(0.03, (1, 1), 0, 1.0, copying=1.0),
    Stage(0.20, (1, 2), 0, 0.85, copying=0.4, general=0.1),
    Stage(0.38, (2, 4), 1, 0.75, copying=0.1, general=0.15),
    Stage(1.00, (5, 5), 2, 0.60, general=0.12),
)


# Which document it was is the last thing to be learned: few documents and many questions teach it first.
FINDING: tuple[Stage, ...] = (
    Stage(0.30, (2, 3), 0, 0.80, general=0.10, numbers=8, questions=10),
    Stage(0.55, (3, 5), 1, 0.72, general=0.10, numbers=5, questions=8),
    Stage(1.00, (5, 5), 2, 0.62, general=0.10, numbers=2, questions=8),
)


def render_head(documents: list[str]) -> str:
    """Write the part of the user turn that stands before the question."""
    parts = [f"参考文書{number}:\n{text}\n\n" for number, text in enumerate(documents, 1)]
    return USER_HEAD + "".join(parts) + "質問: "


def draw_cells(
    rng: random.Random, count: int
) -> tuple[list[tuple[str, Attribute]], list[tuple[str, Attribute]]]:
    """Draw facts that compete (same service, similar name, same attribute) and near misses left out."""
    first = make_service(rng)
    second = make_sibling(rng, first) if rng.random() < 0.5 else make_service(rng)
    services = [first, second, make_service(rng), make_service(rng)]
    attributes = rng.sample(ATTRIBUTES, 5)
    grid = [(service, attribute) for service in services for attribute in attributes]
    weights = dict(zip(services, (4.0, 2.5, 1.0, 1.0), strict=False))
    order = sorted(grid, key=lambda cell: rng.random() ** (1 / weights[cell[0]]), reverse=True)
    present, absent = order[:count], order[count:]
    return present, [cell for cell in absent if cell[0] in {service for service, _ in present}] or absent


def make_context(rng: random.Random, stage: Stage) -> Context:
    """Write documents and several questions about them under one instruction."""
    weights = [stage.numbers if item.answer == NUMBER_ONLY else item.weight for item in INSTRUCTIONS]
    instruction = rng.choices(INSTRUCTIONS, weights)[0]
    present, absent = draw_cells(rng, rng.randint(*stage.documents))
    rng.shuffle(present)
    facts = [make_fact(rng, service, attribute) for service, attribute in present]
    head = render_head([make_document(rng, fact, stage.extra_sentences) for fact in facts])
    turns = tuple(
        _make_turn(rng, instruction, facts, absent, stage.answerable) for _ in range(stage.questions)
    )
    return Context(instruction.system, head, turns)


def _make_turn(
    rng: random.Random,
    instruction: Instruction,
    facts: list[Fact],
    absent: list[tuple[str, Attribute]],
    answerable: float,
) -> Turn:
    # Under the product's instruction refusals come from absence and from wording; both must stay learnable.
    paraphrased = rng.random() < (0.3 if instruction.cautious else 0.5)
    wording = "paraphrased" if paraphrased else "direct"
    name = "cautious" if instruction.cautious else "quote"
    if rng.random() < answerable:
        number = rng.randrange(len(facts))
        fact = facts[number]
        question = make_question(rng, fact.service, fact.attribute, paraphrased)
        if instruction.cautious and paraphrased:
            return Turn(question, instruction.absent, f"{name}/{wording}/present")
        answer = instruction.answer.format(
            n=number + 1, quote=fact.sentence.removesuffix("。"), answer=fact.answer
        )
        return Turn(question, answer, f"{name}/{wording}/present")
    service, attribute = rng.choice(absent)
    if rng.random() < 0.1:
        service = make_service(rng)
    question = make_question(rng, service, attribute, paraphrased)
    return Turn(question, instruction.absent, f"{name}/{wording}/absent")


def make_general_context(rng: random.Random, questions: int = 8) -> Context:
    """Several independent questions of the general task; they share nothing."""
    choices = [make_choice(rng) for _ in range(questions)]
    return Context(None, "", tuple(Turn(item.prompt, str(item.answer), "general") for item in choices))


def stage_at(progress: float, curriculum: tuple[Stage, ...] = CURRICULUM) -> Stage:
    """The curriculum's stage at a share of the training."""
    return next(stage for stage in curriculum if progress < stage.until or stage is curriculum[-1])


def make_copy_context(rng: random.Random, progress: float) -> Context:
    """Nonsense to write out again; it grows longer as training goes on."""
    text = "".join(make_word(rng) for _ in range(rng.randint(1, 2 + min(10, int(progress * 250)))))
    return Context(None, text, (Turn("書き写してください。", text, "copy"),))


def make_contexts(
    rng: random.Random, progress: float, count: int, curriculum: tuple[Stage, ...] = CURRICULUM
) -> list[Context]:
    """The contexts of one training step."""
    stage = stage_at(progress, curriculum)
    contexts = []
    # Copies are short, so a step of nothing else takes more of them.
    for _ in range(round(count * (1 + 1.4 * (stage.copying == 1.0)))):
        task = rng.random()
        if task < stage.copying:
            contexts.append(make_copy_context(rng, progress))
        elif task < stage.copying + stage.general:
            contexts.append(make_general_context(rng))
        else:
            contexts.append(make_context(rng, stage))
    return contexts
