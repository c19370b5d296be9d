// What --help prints.

import type { Command } from './command.js'

const COMMON = `  --json           one JSON object on stdout, errors included
  -h, --help       this text`

const EXIT_CODES = `Exit codes: 0 all is well, 1 damage was found or the command failed, 2 the command line is wrong.`

export function usageLine({ name, synopsis }: Command): string {
  return `tabularium ${name} ${synopsis} [--json]`
}

export function commandHelp(command: Command): string {
  return `Usage: ${usageLine(command)}

${command.help}

Options of all commands:
${COMMON}

${EXIT_CODES}`
}

export function generalHelp(commands: readonly Command[]): string {
  const synopses = commands.map(({ name, synopsis }) => `${name} ${synopsis}`)
  const width = Math.max(...synopses.map((synopsis) => synopsis.length))
  const list = commands.map(
    ({ summary }, i) => `  tabularium ${synopses[i]!.padEnd(width)}  ${summary}`,
  )
  return `Looks into and works with Tabularium databases.

${list.join('\n')}

  tabularium COMMAND --help  says more, with examples
  tabularium --version

Options of all commands:
${COMMON}

A database that is open in another process is refused (DB_LOCKED names the holder); doctor and inspect only look and
work beside it. Nothing asks questions, and no command creates a database.

${EXIT_CODES}`
}
