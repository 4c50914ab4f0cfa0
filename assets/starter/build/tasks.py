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
NOWHERE, CHOICE = 0, 10
"""Sources: none; and choices are counted from 10 on, so that they are not taken for documents."""
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
        "出典を先に、引用を後に書いてください。", "参考文書{n}に「{quote}」と記載されています。",
        "出典がありません。", weight=3,
    ),
    Instruction("答えのある文書の番号だけを書いてください。", NUMBER_ONLY, "なし", weight=1),
    Instruction("答えの文だけを書き出してください。", "{quote}。", "ありません。", weight=0.5),
)  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """A question and its answer; kind names the case for measuring.

    turning holds the characters of the answer where it is decided (the first one, a document's number, the one
    behind a name, the first one of a value): everything after them is copied from what stands beside them. source
    is the number of the document or choice that decides it (0: none does; None: nothing to find).
    """

    question: str
    answer: str
    kind: str
    turning: tuple[int, ...] = (0,)
    source: int | None = None


@dataclass(frozen=True)
class Context:
    """What several conversations share (None for the general task), and how each of them goes on."""

    system: str | None
    head: str
    turns: tuple[Turn, ...]


@dataclass(frozen=True)
class Stage:
    """A step of the curriculum: how many documents, how long they are, and the shares of the tasks.

    rivals is the share of documents that state an attribute which another document states too, of another
    service: only there the service's name has to be read to find the right one. near is the share of the questions
    without an answer whose service and attribute both occur, in different documents, as a search brings them.
    """

    until: float
    documents: tuple[int, int]
    extra_sentences: int
    answerable: float
    contexts: int
    rivals: float = 0.0
    near: float = 0.0
    copying: float = 0.0
    general: float = 0.0
    numbers: float = 1.0
    questions: int = 8


# Copying comes first, on nonsense strings: inside documents it hardly improves until it works.
CURRICULUM: tuple[Stage, ...] = (
    Stage(0.015, (1, 1), 0, 1.0, contexts=24, copying=1.0),
    Stage(0.11, (1, 3), 0, 0.85, contexts=20, copying=0.15, general=0.2, numbers=4),
    Stage(0.20, (2, 5), 1, 0.75, contexts=14, rivals=0.3, near=0.05, copying=0.05, general=0.15, numbers=3),
    Stage(1.00, (4, 5), 2, 0.60, contexts=10, rivals=0.7, near=0.5, general=0.08, numbers=1.5),
)


def render_head(documents: list[str]) -> str:
    """Write the part of the user turn that stands before the question."""
    parts = [f"参考文書{number}:\n{text}\n\n" for number, text in enumerate(documents, 1)]
    return USER_HEAD + "".join(parts) + "質問: "


Cell = tuple[str, Attribute]


def draw_cells(rng: random.Random, count: int, rivals: float) -> tuple[list[Cell], list[Cell], list[Cell]]:
    """Draw what the documents state, what none of them states, and near misses: both halves occur, never together.

    Several documents speak of the same service, as those that a search would bring.
    """
    first = make_service(rng)
    second = make_sibling(rng, first) if rng.random() < 0.5 else make_service(rng)
    services = rng.choices((first, second, make_service(rng), make_service(rng)), (4, 2.5, 1, 1), k=count)
    attributes = rng.sample(ATTRIBUTES, count + 2)
    present = list(zip(services, attributes, strict=False))
    for index in range(1, count):
        if rng.random() < rivals and services[index] != services[0]:
            present[index] = (services[index], attributes[0])
    stated = {attribute.key for _, attribute in present}
    absent = [
        (service, attribute)
        for service in services
        for attribute in attributes
        if attribute.key not in stated
    ]
    near = [
        (service, attribute)
        for service in services
        for _, attribute in present
        if (service, attribute) not in present
    ]
    return list(dict.fromkeys(present)), absent, near


def make_context(rng: random.Random, stage: Stage) -> Context:
    """Write documents and several questions about them under one instruction."""
    weights = [stage.numbers if item.answer == NUMBER_ONLY else item.weight for item in INSTRUCTIONS]
    instruction = rng.choices(INSTRUCTIONS, weights)[0]
    present, absent, near = draw_cells(rng, rng.randint(*stage.documents), stage.rivals)
    rng.shuffle(present)
    facts = [make_fact(rng, service, attribute) for service, attribute in present]
    head = render_head([make_document(rng, fact, stage.extra_sentences) for fact in facts])
    turns = tuple(
        _make_turn(
            rng, instruction, facts, near if near and rng.random() < stage.near else absent, stage.answerable
        )
        for _ in range(stage.questions)
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
            return Turn(question, instruction.absent, f"{name}/{wording}/present", source=number + 1)
        answer = instruction.answer.format(
            n=number + 1, quote=fact.sentence.removesuffix("。"), answer=fact.answer
        )
        # where a name ends, a copy goes astray most easily: into the same name's sentence of another document
        named = answer.find(fact.service)
        joint = named + len(fact.service) if named >= 0 else -1
        turning = (0, instruction.answer.find("{n}"), joint, answer.find(fact.value))
        points = tuple(sorted({at for at in turning if at >= 0}))
        return Turn(question, answer, f"{name}/{wording}/present", points, number + 1)
    service, attribute = rng.choice(absent)
    # a search finds documents by what is asked of a service, whether or not they speak of that service
    if rng.random() < 0.5:
        stranger = make_service(rng) if rng.random() < 0.7 else make_sibling(rng, service)
        if all(fact.service != stranger for fact in facts):
            service = stranger
    question = make_question(rng, service, attribute, paraphrased)
    return Turn(question, instruction.absent, f"{name}/{wording}/absent", source=NOWHERE)


def make_general_context(rng: random.Random, questions: int = 8) -> Context:
    """Several independent questions of the general task; they share nothing."""
    choices = [make_choice(rng) for _ in range(questions)]
    return Context(
        None,
        "",
        tuple(Turn(item.prompt, str(item.answer), "general", (0,), item.answer + CHOICE) for item in choices),
    )


def stage_at(progress: float) -> Stage:
    """The curriculum's stage at a share of the training."""
    return next(stage for stage in CURRICULUM if progress < stage.until or stage is CURRICULUM[-1])


def make_copy_context(rng: random.Random, progress: float) -> Context:
    """Nonsense to write out again; it grows longer as training goes on."""
    text = "".join(make_word(rng) for _ in range(rng.randint(1, 2 + min(10, int(progress * 500)))))
    return Context(None, text, (Turn("書き写してください。", text, "copy"),))


def make_contexts(rng: random.Random, progress: float) -> list[Context]:
    """The contexts of one training step."""
    stage = stage_at(progress)
    contexts = []
    for _ in range(stage.contexts):
        task = rng.random()
        if task < stage.copying:
            contexts.append(make_copy_context(rng, progress))
        elif task < stage.copying + stage.general:
            contexts.append(make_general_context(rng))
        else:
            contexts.append(make_context(rng, stage))
    return contexts
