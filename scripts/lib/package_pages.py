#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Man pages and bash completion, made of what the programs say of themselves: --help, ctl_commands.def,
the configuration's reference.

    package_pages.py SOURCE-FOLDER BUILD-FOLDER OUT-FOLDER
"""
import os
import re
import subprocess
import sys

SOURCE, BUILD, OUT = (os.path.abspath(p) for p in sys.argv[1:4])
# name: section, the program or script, what it is in one line, what belongs beside its help
PAGES = {
    "sluice": (1, "controlplane/sluice", "kernel-bypass gateway between a strategy and an exchange", {
        "FILES": "/etc/sluice/sluice.yaml\tthe unit's configuration, see sluice.yaml(5)\n"
                 "/etc/sluice/credentials\tpasswords, a file each, mode 0600\n"
                 "/run/sluice/sluice.sock\tthe control socket\n"
                 "/var/lib/sluice\tlatch of the kill switch, audit journal\n"
                 "/usr/share/sluice/pmd_config\tdriver profiles",
        "SIGNALS": "SIGTERM, SIGINT\tcancels what works, waits for the venue, logs out, ends\n"
                   "SIGHUP\treads the configuration again, as sluicectl reload\n"
                   "SIGUSR1\tfires the kill switch",
        "SEE ALSO": "sluicectl(1), sluice.yaml(5), sluice-host-setup(8), sluice-nic-bind(8)",
    }),
    "sluicectl": (1, "controlplane/ctl/sluicectl", "asks a running sluice gateway, or tells it something", {
        "ENVIRONMENT": "SLUICE_SOCKET\tthe control socket, where --socket is not given",
        "SEE ALSO": "sluice(1)",
    }),
    "sluice-book": (1, "controlplane/observe/sluice-book", "books of a recorded ITCH 5.0 day", {
        "SEE ALSO": "sluice(1), sluice-day(1)"}),
    "sluice-journal": (1, "controlplane/journal/sluice-journal", "reads the audit journal of a gateway", {
        "SEE ALSO": "sluice(1)"}),
    "sluice-venue": (1, "tests/sim/sluice-venue", "simulated exchange for the sluice gateway", {
        "SEE ALSO": "sluice(1), sluice-day(1)"}),
    "sluice-day": (1, "tests/sim/sluice-day", "makes an ITCH 5.0 trading day out of a seed", {
        "SEE ALSO": "sluice-venue(1), sluice-book(1)"}),
    "sluice-host-setup": (8, "scripts/host-setup", "prepares a server for sluice and takes it back", {
        "FILES": "/etc/sluice/host.conf\tsettings, KEY=VALUE",
        "SEE ALSO": "sluice-nic-bind(8), sluice(1)"}),
    "sluice-nic-bind": (8, "scripts/nic-bind", "gives a network card to DPDK and back to the kernel", {
        "SEE ALSO": "sluice-host-setup(8), sluice(1)"}),
}


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def help_of(path):
    run = subprocess.run([path, "--help"], capture_output=True, text=True, check=False, timeout=30)
    text = run.stdout or run.stderr
    if not text.strip():
        sys.exit(f"package_pages: {path} --help says nothing")
    return text.rstrip("\n").expandtabs(8)


def head(name, section, what):
    date = os.environ.get("SOURCE_DATE_EPOCH")
    day = subprocess.run(["date", "-u", "-d", f"@{date}" if date else "now", "+%Y-%m-%d"],
                         capture_output=True, text=True, check=True).stdout.strip()
    return (f'.TH {name.upper()} {section} "{day}" sluice "sluice"\n'
            f".SH NAME\n{roff(name)} \\- {roff(what)}\n")


def man_page(name, section, path, what, more):
    page = head(name, section, what)
    page += ".SH DESCRIPTION\n.nf\n.ad l\n" + roff(help_of(path)) + "\n.fi\n"
    for title, text in more.items():
        page += f".SH {title}\n"
        for line in text.split("\n"):
            if "\t" in line:
                term, meaning = line.split("\t")
                page += f".TP\n.B {roff(term)}\n{roff(meaning)}\n"
            else:
                page += roff(line) + "\n"
    return page


def plain(text):
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").replace("\\|", "|")


def config_page():
    page = head("sluice.yaml", 5, "configuration of the sluice gateway")
    with open(os.path.join(SOURCE, "controlplane/config/REFERENCE.md"), encoding="utf-8") as f:
        lines = f.read().split("\n")
    page += ".SH DESCRIPTION\n"
    for line in lines[4:]:
        if line.startswith("## "):
            page += f".SH {roff(plain(line[3:]).upper())}\n"
        elif line.startswith("| `"):
            cells = [plain(c.strip()) for c in re.split(r"(?<!\\)\|", line)[1:-1]]
            key, kind, allowed, default, effect, meaning = cells
            page += f".TP\n.B {roff(key)}\n{roff(meaning)}.\n.br\n"
            page += roff(f"{kind}{', ' + allowed if allowed else ''}; default {default}; takes effect: {effect}")
            page += "\n"
        elif not line.startswith("|"):
            page += (roff(plain(line)) if line else ".PP") + "\n"
    page += ".SH SEE ALSO\nsluice(1), sluicectl(1)\n"
    return re.sub(r"(\.PP\n)+(?=\.SH)", "", re.sub(r"(\.PP\n)+", ".PP\n", page))


def completion():
    with open(os.path.join(SOURCE, "controlplane/ctl/ctl_commands.def"), encoding="utf-8") as f:
        table = f.read()
    words, options = {}, {}
    names = dict(re.findall(r'COMMAND\((\w+),\s*"([^"]+)"', table))
    for text in names.values():
        parts = text.split()
        words.setdefault("", set()).add(parts[0])
        if len(parts) > 1:
            words.setdefault(parts[0], set()).add(parts[1])
    for command, arg in re.findall(r"ARG\((\w+),\s*(\w+),\s*\w+,\s*OPTION", table):
        options.setdefault(names[command], []).append("--" + arg.replace("_", "-"))
    ctl = ["# bash completion of sluicectl, made from ctl_commands.def", "_sluicectl()", "{",
           "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word i first='' both=''",
           "\tcase $prev in",
           "\t--socket) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;",
           "\t--watch) return ;;", "\tesac",
           "\tfor ((i = 1; i < COMP_CWORD; i++)); do", "\t\tword=${COMP_WORDS[i]}",
           "\t\tcase $word in", "\t\t--socket | --watch) i=$((i + 1)) ;;", "\t\t-*) ;;",
           "\t\t*) if [ -z \"$first\" ]; then first=$word; both=$word",
           "\t\t   elif [ \"$both\" = \"$first\" ]; then both=\"$first $word\"; fi ;;", "\t\tesac", "\tdone",
           "\tlocal words='--socket --json --watch --version --help'",
           "\tcase $first in",
           f"\t'') words+=' {' '.join(sorted(words['']))}' ;;"]
    for first in sorted(w for w in words if w):
        ctl.append(f"\t{first}) [ \"$both\" != \"$first\" ] || words+=' {' '.join(sorted(words[first]))}' ;;")
    ctl += ["\tesac", "\tcase $both in"]
    for text, opts in sorted(options.items()):
        pattern = f"'{text}'" if " " in text else f"{text} | '{text} '*"
        ctl.append(f"\t{pattern}) words+=' {' '.join(opts)}' ;;")
    ctl += ["\tesac", "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")", "}",
            "complete -o default -F _sluicectl sluicectl", ""]
    commands = re.findall(r"^  sluice ([a-z-]+)", help_of(os.path.join(BUILD, "controlplane/sluice")), re.M)
    commands = sorted(set(c for c in commands if not c.startswith("-")))
    gateway = f"""# bash completion of sluice, made from its help
_sluice()
{{
	local cur=${{COMP_WORDS[COMP_CWORD]}}
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W '{' '.join(commands)} --version --help' -- "$cur")
	elif [ "${{COMP_WORDS[1]}}" = explain ]; then
		mapfile -t COMPREPLY < <(compgen -W "$(sluice explain 2>/dev/null | cut -d' ' -f1)" -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -W '-c' -- "$cur"; compgen -f -X '!*.yaml' -- "$cur")
	fi
}}
complete -o default -F _sluice sluice
"""
    return {"sluicectl": "\n".join(ctl), "sluice": gateway}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def main():
    for name, (section, path, what, more) in PAGES.items():
        full = os.path.join(SOURCE if path.startswith("scripts/") else BUILD, path)
        if not os.path.exists(full):
            sys.exit(f"package_pages: there is no {full}")
        write(f"{OUT}/man/{name}.{section}", man_page(name, section, full, what, more))
    write(f"{OUT}/man/sluice.yaml.5", config_page())
    for name, text in completion().items():
        write(f"{OUT}/completion/{name}", text)


if __name__ == "__main__":
    main()
