#!/usr/bin/env node
// The command line, `tabularium`: takes it apart, runs the command, prints its report. Nothing else here touches the process.

import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { engineError } from '../base/errors.js'
import { nearestName } from '../base/spelling.js'
import { NodeFileSystem } from '../env/node-file-system.js'
import {
  type Arguments,
  type Command,
  type Problem,
  problemOf,
  type Report,
  UsageError,
} from './command.js'
import { COMMANDS } from './commands.js'
import { jsonText } from './json.js'
import { printable, printableLines } from './printable.js'
import { commandHelp, generalHelp, usageLine } from './usage.js'

const COMMON_OPTIONS = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

const EXIT_FAILED = 1
const EXIT_USAGE = 2

interface ParsedArguments {
  readonly values: Arguments['options']
  readonly positionals: readonly string[]
}

/** @returns the exit code */
async function main(args: readonly string[]): Promise<number> {
  // Until the line is understood: whoever asked for JSON gets the complaint as JSON, too.
  const isJson = args.includes('--json')
  const at = args.findIndex((arg) => !arg.startsWith('-'))
  const command = COMMANDS.find(({ name }) => name === args[at])
  try {
    if (at < 0) return general(args, isJson)
    if (command === undefined) throw unknownCommand(args[at]!)
    return await run(command, args.toSpliced(at, 1), isJson)
  } catch (error) {
    if (error instanceof UsageError) {
      printProblems([usageProblem(error, command)], isJson)
      return EXIT_USAGE
    }
    printProblems([problemOf(error)], isJson)
    return EXIT_FAILED
  } finally {
    progress('')
  }
}

/** A line without a command. */
function general(args: readonly string[], isJson: boolean): number {
  const { values } = parse(args, { version: { type: 'boolean' } })
  if (values['help'] === true) print(generalHelp(COMMANDS))
  else if (values['version'] !== true) throw new UsageError('a command is missing')
  else print(isJson ? jsonText({ version: version() }) : version())
  return 0
}

async function run(command: Command, args: readonly string[], isJson: boolean): Promise<number> {
  const { values, positionals } = parse(args, command.options)
  if (values['help'] === true) {
    print(commandHelp(command))
    return 0
  }
  const surroundings = { fs: new NodeFileSystem(), note, progress }
  const report = await command.run({ positionals, options: values }, surroundings)
  progress('')
  return printReport(report, isJson)
}

function printReport({ data, lines, problems = [] }: Report, isJson: boolean): number {
  if (isJson) print(jsonText(data))
  else {
    if (lines.length > 0) print(lines.join('\n'))
    printProblems(problems, false)
  }
  return problems.length === 0 ? 0 : EXIT_FAILED
}

function parse(args: readonly string[], options: Command['options']): ParsedArguments {
  try {
    return parseArgs({
      args: [...args],
      options: { ...options, ...COMMON_OPTIONS },
      allowPositionals: true,
    })
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    // Of unknown options Node says how to pass a file of such a name, which hardly anybody means.
    throw new UsageError(
      message.replace(/\. To specify a positional.*$/s, '').replaceAll('\n', ' '),
    )
  }
}

function unknownCommand(name: string): UsageError {
  const nearest = nearestName(
    name,
    COMMANDS.map((command) => command.name),
  )
  const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
  return new UsageError(`there is no command ${name}${hint}`)
}

function usageProblem({ message }: UsageError, command: Command | undefined): Problem {
  const advice =
    command === undefined
      ? 'tabularium --help lists the commands.'
      : `Usage: ${usageLine(command)}. tabularium ${command.name} --help says more.`
  return { ...problemOf(engineError('ARGUMENT_INVALID', message)), advice }
}

function printProblems(problems: readonly Problem[], isJson: boolean): void {
  for (const problem of problems) {
    const { code, message, advice } = problem
    if (isJson) print(jsonText({ error: problem }))
    else process.stderr.write(`${code}: ${printableLines(message)}\n${printable(advice)}\n`)
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

function note(text: string): void {
  process.stderr.write(`note: ${printable(text)}\n`)
}

/** Shows the text in place of the one before. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${printable(text)}`)
}

function version(): string {
  const { version: found } = createRequire(import.meta.url)('tabularium/package.json') as {
    version: string
  }
  return found
}

// A reader that has seen enough (`| head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.exitCode = EXIT_FAILED
  })
}

process.exitCode = await main(process.argv.slice(2))
