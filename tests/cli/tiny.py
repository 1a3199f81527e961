"""Most of a spec, all but its version and name, whose apply trains one student in a few seconds."""

TINY = """\
data:
  source: {name: notes, train: 24, eval: 6, sft: 8, prompts: 6}
  max_prompt_tokens: 48
  max_tokens: 80
student:
  model: {model_type: llama, hidden_size: 16, layers: 1, heads: 2, max_positions: 96}
  sft: false
train: {max_steps: 2, global_batch: 8}
method: dpo
resources: {device: cpu, threads: 1}
"""
