"""Words that figures, tables and stages share: who is compared, who judges, on which prompts, and what is stamped."""

from __future__ import annotations

SFT, REFERENCE = "sft", "reference"
"""Baselines: the start model's samples of the same prompts, and the logged responses."""
ORACLE, TRUTH = "oracle", "truth"
"""Judges that a spec need not name: its oracle, and the program of a generated world."""
VALIDATION, TEST = "validation", "test"
"""Prompts (and their pairs) that students are chosen on, and those that figures are read on."""
TEACHER = "judge = teacher"
KIN = "judge was trained on the pairs that the teachers were trained on"
LABELLER = "judge = labeller: the training pairs were relabelled by it"
STAMPS = (TEACHER, KIN, LABELLER)
"""What a reader must know of a judge that is not independent of the student it judges."""
