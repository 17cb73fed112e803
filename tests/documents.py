#!/usr/bin/env python3
"""What the program takes and what is written about it agree: documents.py. Ends with `N passed, N failed`."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def text(path):
    return (ROOT / path).read_text()


def names(path, table):
    """The first strings of the entries of a C table."""
    body = re.search(r"%s\[\] = \{(.*?)\n\};" % re.escape(table), text(path), re.S).group(1)
    return re.findall(r'^\s*\{"([^"]+)"', body, re.M)


def manual(path):
    """A manual page as plain words: macros left out, punctuation joined."""
    words = re.sub(r"\.Ns|\bNs\b|\\&", "", text(path))
    return re.sub(r"^\.[A-Z][a-z] ", "", words, flags=re.M)


def commands_are_in_the_manual_and_in_every_completion():
    for command in names("tools/main.c", "commands"):
        assert re.search(r"^\.It Cm %s$" % command, text("docs/man/paimonfs.1"), re.M), "paimonfs(1): " + command
        assert re.search(r"\b%s\b" % command, text("docs/man/paimonfs.1").split(".Sh DESCRIPTION")[0]), "SYNOPSIS: " + command
        for shell in ("paimonfs.bash", "_paimonfs", "paimonfs.fish"):
            assert re.search(r"\b%s\b" % command, text("packaging/completion/" + shell)), "%s: %s" % (shell, command)


def mount_options_are_in_the_manual_the_readme_and_every_completion():
    page = manual("docs/man/paimonfs.1")
    for option in names("tools/mount_options.c", "options"):
        assert re.search(r"(^|[ ,])%s" % re.escape(option), page, re.M), "paimonfs(1): " + option
        assert "`" + option in text("README.md"), "README: " + option
        for shell in ("paimonfs.bash", "_paimonfs", "paimonfs.fish"):
            assert re.search(r"(?<![\w-])" + re.escape(option), text("packaging/completion/" + shell)), "%s: %s" % (shell, option)


def options_of_commands_are_in_the_manual_and_in_every_completion():
    given = set()
    for source in ROOT.glob("tools/*.c"):
        given |= set(re.findall(r'"--([a-z-]+)"', source.read_text()))
    for option in given - {"help", "version"}:
        assert "Fl -" + option in text("docs/man/paimonfs.1"), "paimonfs(1): --" + option
        assert "--" + option in text("packaging/completion/paimonfs.bash"), "bash: --" + option
        assert "-l " + option in text("packaging/completion/paimonfs.fish"), "fish: --" + option


def suites_of_tests_are_in_the_page_of_tests():
    page = text("docs/testing.md")
    for suite in (ROOT / "tests").iterdir():
        if suite.name not in ("meson.build", "__pycache__"):
            assert re.search(r"`tests/%s(/|`)" % re.escape(suite.name), page), "docs/testing.md: tests/" + suite.name


def the_journal_s_bytes_are_in_the_page_of_bytes():
    page = text("docs/format.md")
    kinds = re.search(r"enum pfs_journal_kind \{(.*?)PFS_JOURNAL_KINDS", text("src/journal/journal.h"), re.S).group(1)
    for number, kind in enumerate(re.findall(r"^    PFS_JOURNAL_(\w+),", kinds, re.M)):
        assert "| %d %s |" % (number, kind) in page, "docs/format.md: a record of kind %d is %s" % (number, kind)
    magic = re.search(r'#define MAGIC "(\w{6})(\w\w)"', text("src/journal/segment.c"))
    assert '"%s" "%s"' % magic.groups() in page, "docs/format.md: the magic is " + "".join(magic.groups())


def every_page_is_in_the_readme():
    for page in (ROOT / "docs").glob("*.md"):
        assert "docs/" + page.name in text("README.md"), "README: docs/" + page.name


def options_in_the_synopsis():
    """Of each command, from paimonfs(1)."""
    found = {}
    for usage in text("docs/man/paimonfs.1").split(".Sh DESCRIPTION")[0].split(".Nm\n")[1:]:
        command = re.match(r"\.Cm (\w+)", usage).group(1)
        found[command] = {"-" + option for option in re.findall(r"\bFl (-?[a-z-]+)", usage)}
    return found


def bash_completes_each_command_s_options():
    for command, options in options_in_the_synopsis().items():
        typed = ". packaging/completion/paimonfs.bash; COMP_WORDS=(paimonfs %s -) COMP_CWORD=2; _paimonfs; printf '%%s ' ${COMPREPLY[@]}" % command
        done = subprocess.run(["bash", "-c", typed], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert set(done.stdout.split()) == options, "%s: %s, not %s" % (command, done.stdout.split(), sorted(options))


def bash_completes_mount_options():
    for begun in ("", "ro,"):
        typed = (". packaging/completion/paimonfs.bash; compopt() { :; }; COMP_WORDS=(paimonfs mount -o '%s') COMP_CWORD=3; _paimonfs;"
                 " echo ${COMPREPLY[*]}" % begun)
        done = subprocess.run(["bash", "-c", typed], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        wanted = {begun + option for option in names("tools/mount_options.c", "options")}
        assert set(done.stdout.split()) == wanted, done.stdout


def zsh_and_fish_complete_each_command_s_options():
    zsh = {}
    for commands, options in re.findall(r"^    ([a-z|]+)\) compadd -- (.*) ;;$", text("packaging/completion/_paimonfs"), re.M):
        for command in commands.split("|"):
            zsh[command] = set(options.split())
    fish = {}
    for commands, kind, option in re.findall(r'^complete -c paimonfs -n "__fish_seen_subcommand_from ([^"]+)"(?: -f)? -([ls]) (\S+)',
                                             text("packaging/completion/paimonfs.fish"), re.M):
        for command in commands.split():
            fish.setdefault(command, set()).add(("--" if kind == "l" else "-") + option)
    for command, options in options_in_the_synopsis().items():
        assert zsh.get(command, set()) == options, "zsh, %s: %s, not %s" % (command, zsh.get(command), sorted(options))
        assert fish.get(command, set()) == options, "fish, %s: %s, not %s" % (command, fish.get(command), sorted(options))


def the_program_s_help_has_every_option():
    page = text("tools/main.c")
    for command, options in options_in_the_synopsis().items():
        usage = re.search(r'\{"%s", command_\w+,(.*?)\},' % command, page, re.S).group(1)
        for option in options:
            assert re.search(r"(?<![\w-])%s\b" % option, usage), "--help: %s %s" % (command, option)
    for option in names("tools/mount_options.c", "options"):
        assert re.search(r"[ \"]%s" % option, page.split("Mount options:")[1]), "--help: " + option


def options_of_every_mount_are_in_the_manual_of_the_helper():
    body = text("tools/mount_options.c")
    for table in ("kernels", "others"):
        for name in re.findall(r'"([^"]+)"', re.search(r"%s\[\] = \{(.*?)\};" % table, body, re.S).group(1)):
            if not name.startswith("no") and "no" + name in body or name in ("norelatime", "nouser", "async"):
                continue  # told as opposites
            assert re.search(r"\b%s\b" % name, text("docs/man/mount.paimonfs.8")), "mount.paimonfs(8): " + name


def sentences_of_the_troubles_are_the_program_s_own():
    """What stands in a heading is in some string of the sources, an ellipsis for what is put in."""
    said = ""
    for floor in ("base", "format", "src", "fs", "tools"):
        for source in sorted((ROOT / floor).rglob("*.c")):
            # Strings that stand behind each other are one; what is put in divides it.
            body = re.sub(r'"\s*(?:PRI\w+\s*)?"', "", source.read_text())
            said += "\n".join(m.replace('\\"', '"') for m in re.findall(r'"((?:\\.|[^"\\\n])*)"', body)) + "\n"
    headings = re.findall(r"^### `(.*)`$", text("docs/troubleshooting.md"), re.M)
    assert len(headings) > 30, "%d headings" % len(headings)
    for heading in headings:
        parts = [re.escape(part) for part in heading.split("…")]
        assert re.search(r"[^\n]{0,60}?".join(parts), said), heading


def members_of_a_table_and_its_errors_are_in_the_semantics():
    page = text("docs/semantics.md")
    for name in names("fs/place/place.c", "members"):
        assert "| `%s` |" % name in page, "members: " + name
    for name in set(re.findall(r"\bE[A-Z]{3,}\b", text("docs/man/paimonfs.5").split(".Sh ERRORS")[1])):
        assert "`%s`" % name in page, "errors: " + name


def documents_are_linked_from_the_readme():
    for path in sorted((ROOT / "docs").glob("*.md")):
        assert "(docs/%s)" % path.name in text("README.md"), path.name
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
            assert "://" in link or (path.parent / link).exists(), "%s: %s" % (path.relative_to(ROOT), link)


def errors_of_the_manual_are_what_the_program_gives():
    page = text("docs/man/paimonfs.5")
    for name in re.findall(r"\bE[A-Z]{3,}\b", page.split(".Sh ERRORS")[1]):
        used = any(re.search(r"\b%s\b" % name, p.read_text()) for d in ("src", "fs", "format") for p in (ROOT / d).rglob("*.c"))
        assert used, name


TESTS = [value for value in list(globals().values()) if callable(value) and getattr(value, "__module__", "") == "__main__"
         and value.__name__ not in ("text", "names", "manual", "options_in_the_synopsis")]


def main():
    failed = 0
    for test in TESTS:
        try:
            test()
        except AssertionError as e:
            failed += 1
            print("FAIL %s: %s" % (test.__name__, e))
    print("%d passed, %d failed" % (len(TESTS) - failed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
