import type { Command } from './command.js'
import { DOCTOR } from './doctor.js'
import { INSPECT } from './inspect.js'
import { SALVAGE } from './salvage.js'
import { SQL } from './sql.js'
import { STATS } from './stats.js'
import { TENANTS } from './tenants.js'
import { VERIFY } from './verify.js'

/** In the order in which help lists them. docs/cli.md is generated from this list. */
export const COMMANDS: readonly Command[] = [STATS, DOCTOR, VERIFY, SALVAGE, INSPECT, SQL, TENANTS]
