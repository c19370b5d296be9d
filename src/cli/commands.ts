import type { Command } from './command.js'
import { INSPECT } from './inspect.js'
import { SQL } from './sql.js'
import { STATS } from './stats.js'
import { TENANTS } from './tenants.js'
import { VERIFY } from './verify.js'

/** In the order in which help lists them. docs/cli.md is generated from this list. */
export const COMMANDS: readonly Command[] = [STATS, VERIFY, INSPECT, SQL, TENANTS]
