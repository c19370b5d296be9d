// The same commands through the façade under many settings: no answer, error or read of the past may differ.
import { describe, expect, it } from 'vitest'
import { replayable, Seeded, seedsOf } from '../model/seeded.js'
import { FaceSession, randomFaceCommands } from './face-session.js'

/** 1 list in the ordinary run; the torture run asks for 25, more than 100,000 commands. */
const LIST_COUNT = Number(process.env.METAMORPHIC_FACE_RUNS ?? 1)
const COMMAND_COUNT = 150
const CONFIGURATION_COUNT = 32

describe('settings of a database', () => {
  it(
    `change no answer: ${LIST_COUNT} lists of ${COMMAND_COUNT} commands, each under ${CONFIGURATION_COUNT} settings`,
    async () => {
      const seeds = seedsOf(LIST_COUNT, 1)
      const startMs = performance.now()
      const numbers = new Set([0])
      let commandCount = 0
      for (const seed of seeds) {
        await replayable(seed, async () => {
          const commands = randomFaceCommands(new Seeded(seed), COMMAND_COUNT)
          const plain = await FaceSession.run(0, commands)
          for (let i = 1; i < CONFIGURATION_COUNT; i++) {
            const number = seed * CONFIGURATION_COUNT + i
            numbers.add(number)
            const answers = await FaceSession.run(number, commands)
            const first = answers.findIndex((answer, command) => answer !== plain[command])
            const what = `${commands[first]?.what}, under configuration ${number}`
            expect(answers[first], what).toBe(plain[first])
          }
          commandCount += COMMAND_COUNT * CONFIGURATION_COUNT
        })
      }
      const seconds = (performance.now() - startMs) / 1000
      console.info(
        `${commandCount} commands through the façade under ${numbers.size} settings, 0 differences, ${Math.round(commandCount / seconds)} commands a second (seeds from ${seeds[0]})`,
      )
    },
    4 * 60 * 60_000,
  )
})
