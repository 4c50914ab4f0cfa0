"""From a FAQ file to training data: loading, splitting, distractors, teachers, files."""
