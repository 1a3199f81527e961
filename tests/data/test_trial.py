"""Chat templates that never end, take all memory, or reach for Python: each is refused soon, and none gets out."""

from __future__ import annotations

import copy

import pytest

from drdoctl.core.errors import UserError
from drdoctl.data import _trial
from drdoctl.data._records import Bad
from drdoctl.data._template import Template
from drdoctl.data._trial import trial_fault

BLOCK = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
ENDLESS = [
    BLOCK,
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(99) }}",
    "{% for m in messages %}{{ m.content * 3 }}{% endfor %}" + BLOCK,
]
HUGE = [
    "{{ 'a' * 10 ** 11 }}",
    "{{ 'a'.ljust(10 ** 11) }}",
    "{{ '%99999999999d' % 1 }}",
    "{{ '{:>99999999999}'.format(1) }}",
    "{{ messages | tojson(indent=10 ** 11) }}",
    "{{ lipsum(n=10 ** 9) }}",
    "{% set ns = namespace(s='abcdefgh') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% for i in range(99999) %}{% for b in range(99) %}{{ 'abcdefgh' * 99999 }}{% endfor %}{% endfor %}",
]
ODD = [
    "{% for i in range(10 ** 9) %}{% endfor %}",
    "{{ 1 // 0 }}",
    "{{ messages[99].content }}",
    "{% include 'other' %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ 'a' * 9000000 }}",
    "{% if",
    "{{ raise_exception('no') }}",
]


def escapes(canary):
    """Return templates that would make the file `canary`, or read what they may not, outside a sandbox."""
    run = f"open('{canary}', 'w')"
    return [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('touch CANARY') }}".replace("CANARY", str(canary)),
        "{{ messages.__class__.__base__.__subclasses__() }}",
        "{{ (messages | attr('__class__')).__base__ }}",
        "{{ ''['__cla' ~ 'ss__']['__mro__'] }}",
        "{{ '{0.__class__.__mro__}'.format('') }}",
        "{{ '{a.__init__.__globals__}'.format_map({'a': cycler}) }}",
        "{% set f = '{0.__class__}'.format %}{{ f('') }}",
        f'{{{{ self._TemplateReference__context.cycler.__init__.__globals__.__builtins__.eval("{run}") }}}}',
        f'{{{{ joiner.__init__.__globals__["__builtins__"]["exec"]("{run}") }}}}',
        f'{{{{ namespace.__init__.__globals__["sys"].modules["os"].system("touch {canary}") }}}}',
        "{% set ns = namespace() %}{% set ns.__class__ = 1 %}{{ ns }}",
        "{{ messages.append({'role': 'user', 'content': 'x'}) }}",
        "{{ raise_exception.__globals__ }}",
        f'{{{{ lipsum.__globals__["os"].popen("touch {canary}").read() }}}}',
        "{{ messages | map(attribute='__class__') | list }}",
    ]


@pytest.fixture
def made(chat_tokenizer, monkeypatch):
    """Return a function from a template's text to `Template`, within limits that a test can wait for."""
    monkeypatch.setattr(_trial, "SECONDS", 1)
    monkeypatch.setattr(_trial, "MEMORY_BYTES", 1 << 28)

    def make(text):
        tokenizer = copy.copy(chat_tokenizer)
        tokenizer.chat_template = text
        return Template(tokenizer, "auto")

    return make


def refusal(made, text):
    with pytest.raises(UserError) as caught:
        made(text)
    (fault,) = caught.value.faults
    assert fault.code == "template"
    assert "data.template: none" in fault.hint
    return fault.message


@pytest.mark.parametrize("text", ENDLESS, ids=range(len(ENDLESS)))
def test_a_template_that_never_ends_is_refused(made, text):
    """Loops in loops and recursion without end cost a second, and are named."""
    assert "does not end" in refusal(made, text)


@pytest.mark.parametrize("text", HUGE, ids=range(len(HUGE)))
def test_a_template_that_takes_all_memory_is_refused(made, text):
    """Texts without bound cost no memory of this process, whichever way they are made."""
    said = refusal(made, text)
    assert "memory" in said or "does not end" in said or "characters" in said


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_whatever_a_template_raises_is_a_fault(made, text):
    """What a template raises, or makes of two turns beyond all measure, is told in one line."""
    said = refusal(made, text)
    assert "\n" not in said
    assert "cannot render" in said


@pytest.mark.parametrize("number", range(16))
def test_no_template_reaches_python(made, tmp_path, number):
    """Tricks with attributes end in the sandbox: refused, or text without what they were after; no file is made."""
    canary = tmp_path / "canary"
    texts = escapes(canary)
    assert len(texts) == 16
    try:
        shown = made(texts[number]).prompt("what ?", None)
    except (UserError, Bad):
        shown = ""
    assert not canary.exists()
    assert not any(word in shown for word in ("<class", "<function", "<module", "posix"))


def test_a_good_template_is_left_alone(made, chat_tokenizer):
    """A template that ends is used as it is, after a trial that left no process behind."""
    assert made(chat_tokenizer.chat_template).prompt("what ?", None).endswith("<|im_start|>assistant\n")
    with pytest.raises(ChildProcessError):
        _trial.os.waitpid(-1, _trial.os.WNOHANG)


def test_a_trial_that_sleeps_is_ended(monkeypatch):
    """What takes no processor time ends by the clock."""
    monkeypatch.setattr(_trial, "WAIT_SECONDS", 0.2)
    assert "does not end" in trial_fault(lambda: _trial.time.sleep(600))
    assert trial_fault(lambda: None) is None
