from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drdoctl.core.errors import UserError, ZooError
from drdoctl.data import datasets
from drdoctl.data._records import Bad
from drdoctl.data._render import Renderer
from drdoctl.data._tokenizers import choose_pad, load_tokenizer

MODELS = Path(__file__).parents[3] / "shared" / "models"
SPECIAL = ["<|im_start|>", "<|im_end|>", "<s>", "</s>", "<unk>"]
plain_words = st.sampled_from(["fox", " dog", "\n", "é", "🙂", " ", "what is"])
any_words = plain_words | st.sampled_from([*SPECIAL, "\ue0000\ue001", "<|im_", "end|>"])
quiet = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)


def text_of(words):
    return st.lists(words, min_size=1, max_size=6).map("".join)


def encode(renderer, prompt, *responses):
    return renderer.encode([(prompt, responses)])[0]


@quiet
@given(text_of(plain_words), text_of(plain_words), text_of(plain_words))
def test_the_whole_text_is_what_the_tokenizer_would_read(chat_tokenizer, prompt, chosen, rejected):
    """With a template, prompt and response together are the ids of the template's own text, in one call."""
    found = encode(Renderer(chat_tokenizer, "auto"), prompt, chosen, rejected)
    for response, ids in zip((chosen, rejected), found.responses, strict=True):
        turns = [{"role": "user", "content": prompt}]
        asked = chat_tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        expected = chat_tokenizer(asked + response + "<|im_end|>", add_special_tokens=False)["input_ids"]
        assert found.prompt + ids == expected


@quiet
@given(text_of(plain_words), text_of(plain_words))
def test_without_a_template_the_join_is_one_text_with_one_start_and_one_end(plain_tokenizer, prompt, chosen):
    """Plain prompt and response, a space between them where neither has one, are tokenised as one text."""
    found = encode(Renderer(plain_tokenizer, "auto"), prompt, chosen)
    joint = "" if prompt[-1].isspace() or chosen[0].isspace() else " "
    expected = plain_tokenizer(prompt + joint + chosen)["input_ids"]
    assert found.prompt + found.responses[0] == [*expected, plain_tokenizer.eos_token_id]
    assert found.whole_prompt == plain_tokenizer(prompt)["input_ids"]


@quiet
@given(text_of(any_words), text_of(any_words), text_of(any_words), st.booleans())
def test_nobody_s_text_makes_a_control_token(chat_tokenizer, plain_tokenizer, system, prompt, response, chat):
    """Whatever people and models wrote, control tokens are those of the template, one start and one end."""
    tokenizer = chat_tokenizer if chat else plain_tokenizer
    turns = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
    found = encode(Renderer(tokenizer, "auto"), turns, response)
    control = {tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    harmless = encode(Renderer(tokenizer, "auto"), [{**turn, "content": "x"} for turn in turns], "x")
    assert [i for i in found.prompt if i in control] == [i for i in harmless.prompt if i in control]
    assert [i for i in found.responses[0] if i in control] == [Renderer(tokenizer, "auto").end_id]
    assert found.responses[0][-1] == Renderer(tokenizer, "auto").end_id


def test_escaped_text_still_reads_the_same(chat_tokenizer):
    """A special token's spelling in a message is tokenised as the letters it is made of."""
    found = encode(Renderer(chat_tokenizer, "auto"), "say <|im_end|> now", "fine </s>")
    text = chat_tokenizer.decode(found.prompt + found.responses[0])
    assert text == "<|im_start|>user\nsay <|im_end|> now<|im_end|>\n<|im_start|>assistant\nfine </s><|im_end|>"
    assert found.prompt.count(chat_tokenizer.convert_tokens_to_ids("<|im_end|>")) == 1


def test_the_response_starts_where_the_tokens_part(plain_tokenizer):
    """A prompt's last space goes to the responses' first tokens; both responses agree on the point."""
    found = encode(Renderer(plain_tokenizer, "none"), "what is it ? ", "the fox", "zz")
    assert plain_tokenizer.decode(found.prompt) == "<s>what is it ?"
    assert found.whole_prompt == plain_tokenizer("what is it ? ")["input_ids"]
    assert plain_tokenizer.decode(found.responses[0]) == " the fox</s>"
    assert plain_tokenizer.decode(found.responses[1]) == " zz</s>"


def test_turns_without_a_template_are_a_dialogue(plain_tokenizer):
    """Turns are written as Human and Assistant, and the prompt ends by asking the assistant."""
    turns = [{"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"}]
    assert Renderer(plain_tokenizer, "auto").prompt_text(turns) == "be kind\n\nHuman: hi\n\nAssistant:"


def test_what_the_template_cannot_do_is_said(chat_tokenizer):
    """Turns that a template refuses are a bad row; one that refuses all is an error that names `data.template`."""
    strict = load_copy(chat_tokenizer)
    refuse = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    strict.chat_template = refuse + chat_tokenizer.chat_template
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    found = encode(Renderer(strict, "auto"), turns, "x")
    assert isinstance(found, Bad)
    assert "no system" in found.message
    strict.chat_template = "{{ raise_exception('never') }}"
    with pytest.raises(UserError) as error:
        Renderer(strict, "auto")
    assert "data.template: none" in (error.value.faults[0].hint or "")


def test_a_template_that_trims_trims_the_pairs_too(chat_tokenizer):
    """Where the template strips an answer's spaces, responses lose theirs."""
    trimming = load_copy(chat_tokenizer)
    trimming.chat_template = chat_tokenizer.chat_template.replace("m['content']", "m['content'] | trim")
    kept = encode(Renderer(chat_tokenizer, "auto"), "p", " x")
    assert encode(Renderer(trimming, "auto"), "p", " x").responses != kept.responses
    assert (
        encode(Renderer(trimming, "auto"), "p", " x").responses
        == encode(Renderer(trimming, "auto"), "p", "x").responses
    )


def load_copy(tokenizer):
    from copy import deepcopy

    return deepcopy(tokenizer)


def test_the_pad_token_ends_nothing(chat_tokenizer, plain_tokenizer):
    """A pad that is also the end token gives way to the unknown token, the start token, else any other special one."""
    chat, plain = load_copy(chat_tokenizer), load_copy(plain_tokenizer)
    choose_pad(chat, Renderer(chat, "auto").end_id)
    assert chat.pad_token == "<unk>"
    plain.unk_token = None
    choose_pad(plain, plain.eos_token_id)
    assert plain.pad_token == "<s>"
    plain.bos_token, plain.pad_token = None, plain.eos_token
    plain.add_special_tokens({"additional_special_tokens": ["<|padding|>"]})
    choose_pad(plain, plain.eos_token_id)
    assert plain.pad_token == "<|padding|>"
    plain.pad_token = plain.eos_token
    choose_pad(plain, plain.convert_tokens_to_ids("<|padding|>"))
    assert plain.pad_token == plain.eos_token  # which ends nothing here


def test_padding_that_the_model_has_no_row_for_gives_way(plain_tokenizer):
    """A pad token that was added to the tokenizer and not to the model is none."""
    words = len(plain_tokenizer)
    plain = load_copy(plain_tokenizer)
    plain.add_special_tokens({"pad_token": "<pad>"})
    assert plain.pad_token_id == words
    choose_pad(plain, plain.eos_token_id)
    assert plain.pad_token == "<pad>"
    choose_pad(plain, plain.eos_token_id, words)
    assert plain.pad_token == plain.unk_token
    for role in ("unk_token", "bos_token"):
        setattr(plain, role, "<pad>")
    plain.pad_token = None
    choose_pad(plain, plain.convert_tokens_to_ids("<s>"), words)
    assert plain.pad_token == plain.eos_token


def test_a_tokenizer_is_what_its_file_says(tmp_path):
    """Beside the config of a Qwen2 model, where transformers makes Qwen's own of it, it gives the same tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"<end>": 0, "yes": 1, "no": 2}))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>").save_pretrained(tmp_path)
    alone = load_tokenizer({"path": str(tmp_path)}, None, "student.tokenizer")
    (tmp_path / "config.json").write_text('{"model_type": "qwen2"}', encoding="utf-8")
    beside = load_tokenizer({"path": str(tmp_path)}, None, "student.tokenizer")
    assert beside("yes no <end>").input_ids == alone("yes no <end>").input_ids == [1, 2, 0]
    assert beside.eos_token == "<end>"


def test_a_tokenizer_with_one_special_token_pads_with_it():
    """Where there is none but the end token, that pads."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"<end>": 0, "a": 1}))
    lone = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<end>")
    choose_pad(lone, 0)
    assert lone.pad_token == "<end>"


def test_tokenizers_that_are_not_there(tmp_path):
    """A folder without a tokenizer is a user error, an unreachable Hub exit 4; both name the spec's key."""
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError) as error:
        load_tokenizer({"path": str(tmp_path)}, None, "student.tokenizer")
    assert error.value.faults[0].code == "no-tokenizer"
    assert "student.tokenizer" in (error.value.faults[0].hint or "")
    with pytest.raises(ZooError):
        load_tokenizer({"hub": "org/name-that-is-not-there", "revision": None}, None, "student.tokenizer")
    with pytest.raises(UserError):
        load_tokenizer({"dataset": True}, None, "student.tokenizer")


def test_a_dataset_s_own_tokenizer_knows_its_end():
    """A bare `tokenizer.json` gets its roles from its special tokens' names."""
    tokenizer = load_tokenizer({"dataset": True}, datasets()["notes"]().tokenizer_json(), "student.tokenizer")
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<pad>", "<eos>")
    assert Renderer(tokenizer, "auto").end_token == "<eos>"


@pytest.mark.parametrize("chat", [False, True])
def test_a_word_without_a_token_is_named(chat):
    """Where no token stands for unknown words, what is refused is the word, not the text or a control token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({"<s>": 0, "<e>": 1, "hi": 2, "there": 3, "user": 4}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="<e>")
    if chat:
        tokenizer.chat_template = "<s>{% for m in messages %}{{ m['role'] }} {{ m['content'] }}<e>{% endfor %}"
    renderer = Renderer(tokenizer, "auto")
    start = [0, 4] if chat else [0]
    assert encode(renderer, "hi", "there").prompt == [*start, 2, *([1] if chat else [])]
    for prompt, response in (("hi", "there zebra"), ("zebra", "there"), ("hi <e> zebra", "there")):
        with pytest.raises(UserError, match="no token for `zebra`, and none for unknown words"):
            encode(renderer, prompt, response)


@pytest.mark.shared
@pytest.mark.skipif(not MODELS.exists(), reason="needs the real models beside the checkout")
def test_the_real_tokenizers():
    """SmolLM2 has a template and no start token; stories260k puts `<s>` first and has no template."""
    small = load_tokenizer({"path": str(MODELS / "smollm2-135m-instruct")}, None, "student.tokenizer")
    about = Renderer(small, "auto").describe()
    assert (about["template"], about["end_token"], about["start_tokens"]) == ("chat", "<|im_end|>", [])
    found = encode(Renderer(small, "auto"), "Hi <|im_end|>", "Hello")
    assert found.prompt.count(small.convert_tokens_to_ids("<|im_end|>")) == 2
    stories = load_tokenizer({"path": str(MODELS / "stories260k")}, None, "student.tokenizer")
    found = encode(Renderer(stories, "auto"), "Once upon", "a time", "the end")
    assert found.prompt.count(stories.bos_token_id) == 1
    assert all(ids.count(stories.bos_token_id) == 0 and ids.count(stories.eos_token_id) == 1 for ids in found.responses)
