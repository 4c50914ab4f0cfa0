"""The protocols by name. Adding one is a file here and a line below."""

from workbench.evaluation.protocols.base import Given, Protocol, Verdict
from workbench.evaluation.protocols.extractive import JSQUAD, SQUAD_V2
from workbench.evaluation.protocols.free import CHAR_F1, EXACT_MATCH_JA, FREE_QA
from workbench.evaluation.protocols.ifeval import IFEVAL
from workbench.evaluation.protocols.labels import CHOICE, JCQ_CHAT, JCQ_LLMJP
from workbench.evaluation.protocols.llmjp import LLMJP
from workbench.evaluation.protocols.numeric import GSM8K, MATH
from workbench.evaluation.protocols.raft import RAFT
from workbench.evaluation.protocols.seed001 import SEED001_RAFT

PROTOCOLS: dict[str, Protocol] = {
    "raft": RAFT,
    "seed001_raft": SEED001_RAFT,
    "jcq_chat": JCQ_CHAT,
    "jcq_llmjp": JCQ_LLMJP,
    "llmjp": LLMJP,
    "choice": CHOICE,
    "char_f1": CHAR_F1,
    "exact_match_ja": EXACT_MATCH_JA,
    "free_qa": FREE_QA,
    "jsquad": JSQUAD,
    "squad_v2": SQUAD_V2,
    "gsm8k": GSM8K,
    "math": MATH,
    "ifeval": IFEVAL,
}

__all__ = ["PROTOCOLS", "Given", "Protocol", "Verdict"]
