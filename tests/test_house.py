"""The house rules: who may import whom, what start-up may load, how long things may be, what must have a test."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drdoctl.data import datasets
from drdoctl.evals import evals
from drdoctl.methods import methods
from drdoctl.splits import splits

ROOT = Path(__file__).parents[1]
HOUSE = ROOT / "drdoctl"
MODULES = sorted(HOUSE.rglob("*.py"))
BESIDE = sorted(path for folder in ("benchmarks", "chaos") for path in (ROOT / folder).rglob("*.py"))
"""What is no part of the wheel."""

PLUGINS = {"methods", "data", "splits", "evals"}
BELOW_PLAN = {"stages", "spec", "store", "core", *PLUGINS}
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "shipped": {"core"},
    "methods": {"core"},
    "data": {"core"},
    "splits": {"core"},
    "evals": {"core"},
    "store": {"core"},
    "spec": {"core", "shipped", *PLUGINS},
    "stages": {"spec", "core", *PLUGINS},
    "plan": BELOW_PLAN,
    "engine": {"plan", *BELOW_PLAN},
    "doctor": {"store", "core"},
    "report": {"doctor", "evals", "store", "core"},
    "zoo": {"store", "core"},
    "train": {"stages", "core", "methods", "data", "evals"},
    "cli": {"engine", "plan", "report", "doctor", "zoo", "shipped", *BELOW_PLAN},
    "__main__": {"cli"},
    "__init__": set(),
}
"""docs/architecture.md, `Who may import whom`, for module-level imports. Everything may import the version."""

HEAVY = ("torch", "transformers", "datasets", "deepspeed", "peft")
SLOW = (*HEAVY, "numpy", "pyarrow", "huggingface_hub", "fsspec", "jsonschema", "pandas", "rapidfuzz")

MAX_LINES, MAX_FUNCTION = 250, 60
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
TESTED_ELSEWHERE = {
    "drdoctl.engine.start": "tests/engine/test_warm.py",
    "drdoctl.report.rows": "tests/report/test_model.py",
    "drdoctl.train.answer": "tests/train/test_score_file.py",
    "drdoctl.train.attention": "tests/train/test_equivalence.py",
    "drdoctl.train.batches": "tests/train/test_forward.py",
    "drdoctl.train.chunks": "tests/train/test_scoring.py",
    "drdoctl.train.classifier": "tests/train/test_models.py",
    "drdoctl.train.ending": "tests/train/test_export.py",
    "drdoctl.train.held_out": "tests/train/test_evaluate.py",
    "drdoctl.train.logps": "tests/train/test_scoring.py",
    "drdoctl.train.look_over": "tests/cli/test_import_.py",
    "drdoctl.train.oracle": "tests/train/test_scoring.py",
    "drdoctl.train.rendering": "tests/train/test_judge.py",
    "drdoctl.train.rewards": "tests/train/test_scoring.py",
    "drdoctl.train.sft": "tests/train/test_loop.py",
    "drdoctl.train.weights": "tests/train/test_models.py",
    "drdoctl.zoo.installed": "tests/zoo/test_pull.py",
    "drdoctl.zoo.repositories": "tests/zoo/test_hub.py",
}
"""Module -> the file that tests it, where several small modules only mean something together."""

FORBIDDEN = re.compile(
    r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b|(?<![\w.$}])/(?:work|root|home/\w+|Users/\w+|tmp/\w+)/",
)
TEXT_SUFFIXES = {".py", ".md", ".yaml", ".toml", ".json", ".txt", ""}


def dotted(path: Path) -> str:
    """Return a module's dotted name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer(module: str) -> str:
    """Return the layer of a module: `core`, `cli`, or the name of a module that lies at the top."""
    return module.split(".")[1] if "." in module else "__init__"


def for_types_only(node: ast.stmt) -> bool:
    """Tell whether a statement is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def top_imports(path: Path, *, types: bool = False) -> list[str]:
    """Return the dotted names that a module imports when it is itself imported, `from` imports with their names.

    `types`: and those that it imports for types alone.
    """
    found: list[str] = []
    waiting: list[ast.AST] = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (types or not for_types_only(node)):
            waiting += list(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_go_down_only(path):
    """A module imports, at module level, only its own layer and those that docs/architecture.md puts below it."""
    name = dotted(path)
    own = layer(name)
    assert own in MAY_IMPORT, f"`{own}` is not in docs/architecture.md's layers"
    allowed = {own, "__init__", *MAY_IMPORT[own]}
    inner = [target for target in top_imports(path) if target.split(".")[0] == "drdoctl"]
    wrong = [target for target in inner if target != "drdoctl.__version__" and layer(target) not in allowed]
    assert not wrong, f"{name} imports {wrong}"


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_private_modules_serve_their_own_folder(path):
    """What begins with an underscore is read by its own folder alone, but where the underscore says `no plug-in`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    inner = [name.split(".") for name in found if name.startswith("drdoctl.") and "._" in name]
    foreign = [".".join(name) for name in inner if name[1] not in PLUGINS and name[:-1] != dotted(path).split(".")[:-1]]
    assert not foreign


def test_no_module_imports_itself_round_a_corner():
    """Module-level imports have no cycle, those for types included."""
    names = {dotted(path) for path in MODULES}
    edges = {
        dotted(path): {whole(target, names) for target in top_imports(path, types=True)} & names for path in MODULES
    }
    done: set[str] = set()
    while ready := [name for name, targets in edges.items() if name not in done and targets - {name} <= done]:
        done.update(ready)
    assert not names - done


def whole(target: str, names: set[str]) -> str:
    """Return the module that a dotted target lies in."""
    return target if target in names else target.rpartition(".")[0]


@pytest.mark.parametrize("path", [path for path in MODULES if "train" not in path.parts], ids=dotted)
def test_heavy_packages_stay_inside_functions(path):
    """Outside drdoctl/train nothing imports torch and its kin at module level."""
    heavy = [target for target in top_imports(path) if target.split(".")[0] in HEAVY]
    assert not heavy


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)


def test_all_but_train_imports_without_torch():
    """With torch and its kin made unimportable, every module outside drdoctl/train still imports."""
    names = [dotted(path) for path in MODULES if "train" not in path.parts and path.name != "__main__.py"]
    code = f"""
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ImportError(name + " must not be imported")

sys.meta_path.insert(0, Absent())
for name in {names!r}:
    importlib.import_module(name)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_start_up_is_light():
    """Loading every verb of the command line imports none of the packages that take long to load."""
    verbs = [dotted(path) for path in (HOUSE / "cli").glob("*.py")]
    code = f"""
import importlib, sys
for name in {verbs!r}:
    importlib.import_module(name)
print(*[name for name in {SLOW!r} if name in sys.modules])
"""
    done = run_python(code)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize("path", [*MODULES, *BESIDE], ids=dotted)
def test_files_and_functions_are_short(path):
    """No file has more than 250 lines and no function more than 60, but for those listed with a reason."""
    text = path.read_text(encoding="utf-8")
    name = dotted(path)
    if name not in LONG_FILES:
        assert len(text.splitlines()) <= MAX_LINES
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    long = {f"{name}.{f.name}" for f in functions if (f.end_lineno or f.lineno) - f.lineno + 1 > MAX_FUNCTION}
    assert long <= set(LONG_FUNCTIONS)


def test_lists_of_exceptions_are_current():
    """What is excused is there, and still needs the excuse."""
    for name in LONG_FILES:
        assert len((ROOT / (name.replace(".", "/") + ".py")).read_text(encoding="utf-8").splitlines()) > MAX_LINES
    names = {dotted(path) for path in MODULES}
    assert set(TESTED_ELSEWHERE) <= names
    assert all((ROOT / path).is_file() for path in TESTED_ELSEWHERE.values())


def has_test(path: Path) -> bool:
    """Tell whether tests/ mirrors a module: tests/LAYER/test_NAME.py, or a test of that name with more words to it."""
    folder = ROOT / "tests" / path.relative_to(HOUSE).parent
    return any(folder.glob(f"test_{path.stem}*.py"))


def test_every_module_has_a_test_file():
    """Every public module has tests in the mirrored place; private ones are tested through their owner."""
    public = [path for path in MODULES if not path.name.startswith("_")]
    missing = [dotted(path) for path in public if not has_test(path) and dotted(path) not in TESTED_ELSEWHERE]
    assert not missing


@pytest.mark.parametrize("kind", [methods, datasets, splits, evals], ids=lambda kind: kind.__name__)
def test_every_plugin_says_where_it_comes_from(kind):
    """Each plug-in names its paper or source, and describes itself in its docstring."""
    for name, cls in kind().items():
        assert cls.paper, f"`{name}` has no `paper`"
        assert cls.__doc__, f"`{name}` has no docstring"


def tracked() -> list[Path]:
    """Return the project's own text files."""
    code = ("drdoctl", "benchmarks", "chaos", "tests", "tools", ".ci")
    folders = (*code, "docs", "recipes", "schemas", "zoo", "experiments")
    inside = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    files = [path for path in [*ROOT.glob("*"), *inside] if path.is_file() and path.suffix in TEXT_SUFFIXES]
    return [path for path in files if "__pycache__" not in path.parts]


def test_no_leftovers():
    """No file holds a note to come back later or a path of somebody's machine."""
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in FORBIDDEN.finditer(text)]
    assert not found
