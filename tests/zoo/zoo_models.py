"""Tiny models with tokenizers, saved as transformers saves them, for tests that score probes."""

from __future__ import annotations

CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] | trim }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
WORDS = ("<pad>", "<eos>", *(f"w{number}" for number in range(38)))


def save_tokenizer(folder, *, words=False, chat=False, start=False):
    """Save a tokenizer of bytes, or of a few words and no others; `start`: it begins texts with `<s>`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<eos>", "<s>", "<|im_start|>", "<|im_end|>"]
    if words:
        backend = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<none>"))
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    else:
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        backend = Tokenizer(models.BPE({word: at for at, word in enumerate([*special, *alphabet])}, []))
        backend.pre_tokenizer, backend.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        backend.add_special_tokens(special)
        if start:
            backend.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 2)])
    names = {"pad_token": "<pad>", "eos_token": "<eos>"} | ({"bos_token": "<s>"} if start else {})
    made = PreTrainedTokenizerFast(tokenizer_object=backend, **names)
    made.chat_template = CHAT if chat else None
    made.save_pretrained(folder)
    return len(made)


def save_model(folder, role="oracle", *, positions=2048, seed=0, **tokenizer):
    """Save a Llama with random weights and its tokenizer; return its files by name."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    folder.mkdir(parents=True, exist_ok=True)
    size = save_tokenizer(folder, **tokenizer)
    torch.manual_seed(seed)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    labels = {"num_labels": 1} if role == "oracle" else {}
    config = LlamaConfig(
        vocab_size=size, max_position_embeddings=positions, pad_token_id=0, eos_token_id=1, **shape, **labels
    )
    config.initializer_range = 0.3
    made = (LlamaForSequenceClassification if role == "oracle" else LlamaForCausalLM)(config)
    made.save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}
