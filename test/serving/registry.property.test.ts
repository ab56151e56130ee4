/** Whatever is asked of a registry, in whatever order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { AerieError } from '../../src/errors.ts'
import type { Lease } from '../../src/serving/contract.ts'
import { type FakeModel, fakeModel, fakeRegistry } from '../support/fake-models.ts'
import { propertyRuns } from '../support/property-runs.ts'

const BUDGET = 10
const ids = fc.constantFrom('a', 'b', 'c', 'd')

type Command =
  | { readonly do: 'acquire'; readonly id: string; readonly priority: 'live' | 'batch' }
  | { readonly do: 'release' | 'abort'; readonly which: number }
  | { readonly do: 'unload' | 'break' | 'mend'; readonly id: string }
  | { readonly do: 'later'; readonly ms: number }

const commands: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('acquire' as const),
      id: ids,
      priority: fc.constantFrom('live' as const, 'batch' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('unload' as const, 'break' as const, 'mend' as const),
      id: ids,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('later' as const), ms: fc.nat(3000) }) },
)

const sizes = fc.record({
  a: fc.integer({ min: 1, max: 12 }),
  b: fc.integer({ min: 1, max: 12 }),
  c: fc.integer({ min: 1, max: 12 }),
  d: fc.integer({ min: 1, max: 12 }),
})

test('memory is never more than there is, nobody loses a model that he uses, and everybody is answered', async (t) => {
  const property = fc.asyncProperty(
    sizes,
    fc.constantFrom(0, 500),
    fc.array(commands, { maxLength: 24 }),
    async (bytes, minResidenceMs, script) => {
      let now = 0
      const models = new Map(
        Object.entries(bytes).map(([id, size]) => [id, fakeModel(id, size)] as const),
      )
      const registry = fakeRegistry([...models.values()], {
        ...{ budgetBytes: BUDGET, minResidenceMs, maxWaiting: 6, nowMs: () => now },
      })
      const isOpen = ({ log }: FakeModel) => {
        const end = Math.max(log.lastIndexOf('close'), log.lastIndexOf('fail'))
        return log.lastIndexOf('open') > end
      }
      const leases: { id: string; lease: Lease }[] = []
      const waiting: { id: string; client: AbortController }[] = []
      const failures: unknown[] = []
      let asked = 0
      let answered = 0
      const check = () => {
        const used = [...models.values()].filter(isOpen).reduce((sum, one) => sum + one.bytes, 0)
        assert.ok(used <= BUDGET, `${used} bytes`)
        for (const { id } of leases) assert.ok(isOpen(models.get(id)!), `${id} went while in use`)
      }
      const acquire = (id: string, priority: 'live' | 'batch') => {
        asked++
        const place = { id, client: new AbortController() }
        waiting.push(place)
        const leave = () => {
          answered++
          waiting.splice(waiting.indexOf(place), 1)
        }
        registry.acquire(id, { priority, signal: place.client.signal }).then(
          (lease) => {
            leave()
            leases.push({ id, lease })
          },
          (error: unknown) => {
            leave()
            if (!(error instanceof AerieError)) failures.push(error)
          },
        )
      }
      const unloads: Promise<unknown>[] = []
      const run = (command: Command) => {
        switch (command.do) {
          case 'acquire':
            return acquire(command.id, command.priority)
          case 'release': {
            const [one] = leases.splice(command.which % Math.max(1, leases.length), 1)
            return one?.lease[Symbol.dispose]()
          }
          case 'abort':
            return waiting[command.which % Math.max(1, waiting.length)]?.client.abort()
          case 'unload':
            unloads.push(registry.unload(command.id, new AbortController().signal))
            return
          case 'break':
            models.get(command.id)!.failure = new AerieError('invalid_package', 'broken')
            return
          case 'mend':
            models.get(command.id)!.failure = undefined
            return
          case 'later':
            now += command.ms
        }
      }
      for (const command of script) {
        run(command)
        await turn()
        check()
      }
      // Everybody leaves when he has what he wants, and time goes on: nobody is left waiting.
      for (let i = 0; i < 40 && (waiting.length > 0 || leases.length > 0); i++) {
        for (const { lease } of leases.splice(0)) lease[Symbol.dispose]()
        now += 1000
        // Timers go by the clock of the machine; a request that comes and goes has it look at this one.
        const passing = new AbortController()
        registry.acquire('a', { priority: 'batch', signal: passing.signal }).then(
          (lease) => lease[Symbol.dispose](),
          () => undefined,
        )
        passing.abort()
        await turn()
        check()
      }
      assert.deepEqual(failures, [])
      assert.equal(answered, asked, `${waiting.map(({ id }) => id)} wait`)
      await Promise.all(unloads)
      await registry.dispose()
      for (const model of models.values()) assert.ok(!isOpen(model), `${model.id}: ${model.log}`)
    },
  )
  await fc.assert(property, propertyRuns(150, t, 0.05))
})
