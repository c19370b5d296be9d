// The same commands under many settings, with flushes, compactions, reopenings and power cuts in between or without: no
// answer may differ, errors and reads of the past included.
import { describe, expect, it } from 'vitest'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'
import { randomCommands } from './commands.js'
import { configurationOf, StoreSession } from './store-session.js'

/** 2 lists in the ordinary run; the torture run asks for 126, a million commands. */
const LIST_COUNT = Number(process.env.METAMORPHIC_RUNS ?? 2)
const COMMAND_COUNT = 250
const CONFIGURATION_COUNT = 32
/** Long runs say how far they are. */
const REPORT_EVERY = 80_000

describe('settings', () => {
  it(
    `change no answer: ${LIST_COUNT} lists of ${COMMAND_COUNT} commands, each under ${CONFIGURATION_COUNT} settings`,
    async () => {
      const seeds = seedsOf(LIST_COUNT, 1)
      const startMs = performance.now()
      let commandCount = 0
      const numbers = new Set([0])
      const report = () => {
        const seconds = (performance.now() - startMs) / 1000
        console.info(
          `${commandCount} commands under ${numbers.size} settings, 0 differences, ${Math.round(commandCount / seconds)} commands a second (seeds from ${seeds[0]})`,
        )
      }
      for (const seed of seeds) {
        await replayable(seed, async () => {
          const commands = randomCommands(new Seeded(seed), COMMAND_COUNT)
          const plain = await StoreSession.run(configurationOf(0), commands)
          for (let i = 1; i < CONFIGURATION_COUNT; i++) {
            // Other settings with every list.
            const number = seed * CONFIGURATION_COUNT + i
            numbers.add(number)
            const answers = await StoreSession.run(configurationOf(number), commands)
            const first = answers.findIndex((answer, command) => answer !== plain[command])
            const what = `command ${first}, ${commands[first]?.kind}, under configuration ${number}`
            expect(answers[first], what).toBe(plain[first])
          }
          commandCount += COMMAND_COUNT * CONFIGURATION_COUNT
        })
        if (commandCount % REPORT_EVERY === 0 && seed !== seeds.at(-1)) report()
      }
      report()
    },
    4 * 60 * 60_000,
  )
})
