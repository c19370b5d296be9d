// What a command is. A command reads its arguments and answers with a report; only main.ts prints.

import type { ParseArgsConfig } from 'node:util'
import { EngineError } from '../base/errors.js'
import { ERROR_TABLE, type ErrorCode } from '../base/error-table.js'
import type { FileSystem } from '../env/file-system.js'

export interface Command {
  readonly name: string
  /** What it takes, without the options that all take. */
  readonly synopsis: string
  /** One line for the list of commands. */
  readonly summary: string
  /** Everything else that --help says. */
  readonly help: string
  readonly options: NonNullable<ParseArgsConfig['options']>
  /** @throws UsageError EngineError */
  run(given: Arguments, surroundings: Surroundings): Promise<Report> | Report
}

/** The command line without the command's name, taken apart. */
export interface Arguments {
  readonly positionals: readonly string[]
  readonly options: Readonly<
    Record<string, string | boolean | readonly (string | boolean)[] | undefined>
  >
}

export interface Surroundings {
  readonly fs: FileSystem
  /** A remark beside the answer; goes to stderr. */
  note(text: string): void
  /** How far the work is; shown only to somebody who watches. */
  progress(text: string): void
}

export interface Report {
  /** What --json prints. */
  readonly data: Readonly<Record<string, unknown>>
  /** What is printed otherwise. */
  readonly lines: readonly string[]
  /** What was found to be wrong: the command fails, but what it could say is said. */
  readonly problems?: readonly Problem[]
}

/** An error as it is printed. */
export interface Problem {
  readonly code: string
  readonly message: string
  readonly advice: string
  readonly details: Readonly<Record<string, string | number>>
}

/** The command line itself is wrong. */
export class UsageError extends Error {}

export function problemOf(error: unknown): Problem {
  if (error instanceof EngineError) {
    const { code, advice, details } = error
    return { code, message: bareMessage(code, error.message), advice, details }
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'INTERNAL', message, advice: ERROR_TABLE.INTERNAL.advice, details: {} }
}

/** The problem that a report of the engine names by its code. */
export function problemOfCode(
  code: string,
  message: string,
  details: Problem['details'] = {},
): Problem {
  const row = ERROR_TABLE[code as ErrorCode] ?? ERROR_TABLE.INTERNAL
  return { code, message: bareMessage(code, message), advice: row.advice, details }
}

/** The value of an option that is given as text. */
export function textOption({ options }: Arguments, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

/**
 * The only argument of a command that takes one.
 *
 * @throws UsageError
 */
export function onlyArgument({ positionals }: Arguments, name: string): string {
  const [value, ...rest] = positionals
  if (value === undefined || value === '') throw new UsageError(`${name} is missing`)
  if (rest.length > 0) throw new UsageError(`too many arguments: ${rest.join(' ')}`)
  return value
}

/** Messages of errors begin with their code. */
function bareMessage(code: string, message: string): string {
  return message.startsWith(`${code}: `) ? message.slice(code.length + 2) : message
}
