"""Chat templates that never end, take all memory, are wrong, or reach for Python."""

from __future__ import annotations

from pathlib import Path

_LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
ENDLESS = (
    _LOOPS,
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(99) }}",
    "{% for m in messages %}{{ m.content * 3 }}{% endfor %}" + _LOOPS,
)
HUGE = (
    "{{ 'a' * 10 ** 11 }}",
    "{{ 'a'.ljust(10 ** 11) }}",
    "{{ '%99999999999d' % 1 }}",
    "{{ '{:>99999999999}'.format(1) }}",
    "{{ messages | tojson(indent=10 ** 11) }}",
    "{{ lipsum(n=10 ** 9) }}",
    "{% set ns = namespace(s='abcdefgh') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% for i in range(99999) %}{% for b in range(99) %}{{ 'abcdefgh' * 99999 }}{% endfor %}{% endfor %}",
)
ODD = (
    "{% for i in range(10 ** 9) %}{% endfor %}",
    "{{ 1 // 0 }}",
    "{{ messages[99].content }}",
    "{% include 'other' %}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{{ 'a' * 9000000 }}",
    "{% if",
    "{{ raise_exception('no') }}",
)
ESCAPED = ("<class", "<function", "<module", "posix")
"""What a text shows that was made by a template which got at Python."""


def escapes(canary: Path) -> list[str]:
    """Return templates that would make the file `canary`, or read what they may not, outside a sandbox."""
    run = f"open('{canary}', 'w')"
    return [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        f"{{{{ cycler.__init__.__globals__.os.system('touch {canary}') }}}}",
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
