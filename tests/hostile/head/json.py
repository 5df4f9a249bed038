from pathlib import Path

Path(__file__).with_name("pwned").write_text("code of the pull request ran")
