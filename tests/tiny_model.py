"""A random chat model, small enough to be built in a test: what its answers say does not matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SENTENCES = (
    "あなたは質問に答えるアシスタントです。参考文書を根拠に、該当箇所を引用して答えてください。",
    "参考文書に答えがないときは「提供された情報からは回答できません。」と答えてください。",
    "以下の参考文書を基に質問に答えてください。",
    "参考文書1: みどり市の図書館は午前九時に開館し、午後七時に閉館します。月曜日は休館日です。",
    "参考文書2: 粗大ごみの収集は事前の申込みが必要です。手数料は一点につき三百円です。",
    "質問: 図書館は何時に開館しますか。",
    "番号だけで答えてください。",
    "The quick brown fox jumps over the lazy dog. 0 1 2 3 4 5 6 7 8 9",
)

CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}"
    "<|assistant|>\n{% generation %}{{ message['content'] }}{{ eos_token }}{% endgeneration %}\n"
    "{% else %}<|{{ message['role'] }}|>\n{{ message['content'] }}\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)

SPECIAL_TOKENS = ("<s>", "</s>", "<pad>", "<|system|>", "<|user|>", "<|assistant|>")


def build_tiny_model(folder: Path, seed: int = 0) -> Path:
    """Write a two-layer Llama of hidden size 64 with tokenizer and chat template into the folder.

    The same seed gives the same weights. Nothing is downloaded.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(str(folder))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=64,
                intermediate_size=128,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=2048,
                # larger than usual, so that greedy choices are clear and depend on the prompt
                initializer_range=0.2,
                tie_word_embeddings=False,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
    model.save_pretrained(str(folder))
    return folder


def build_tokenizer() -> Any:
    """A byte-level BPE tokenizer of about 512 pieces with a chat template that marks the assistant's
    turns."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    raw: Any = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer: Any = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(SENTENCES, trainer)
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=2048
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def build_tiny_adapter(folder: Path, model: Path, seed: int = 1, scale: float = 0.5) -> Path:
    """Write a LoRA adapter for the tiny model; `scale` 0 makes one that changes nothing.

    Without training LoRA's B is zero, so B is drawn at random here.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        base: Any = AutoModelForCausalLM.from_pretrained(str(model))
        config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM")
        wrapped: Any = get_peft_model(base, config)
        with torch.no_grad():
            for name, parameter in wrapped.named_parameters():
                if "lora_B" in name:
                    parameter.normal_(0.0, scale) if scale else parameter.zero_()
    wrapped.save_pretrained(str(folder))
    return folder
