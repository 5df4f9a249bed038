"""One stage a module: each gathers subjects from the rooms below, has them judged, and hands back `Judged`."""
