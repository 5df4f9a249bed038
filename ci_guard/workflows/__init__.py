"""CI workflows: GitHub workflow and action files -> the actions, reusable workflows and images that they run."""
