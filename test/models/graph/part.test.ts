import assert from 'node:assert/strict'
import { it } from 'node:test'
import { GraphBuilder } from '../../../models/graph/builder.ts'
import { partUpTo } from '../../../models/graph/part.ts'

const g = new GraphBuilder('two')
const x = g.input('x', ['n', 4])
const left = g.stage('left', g.linear(x, g.weight('left.weight', [3, 4])))
const right = g.linear(
  g.stage('right', g.linear(x, g.weight('right.weight', [3, 4]))),
  g.weight('right.out', [3, 3]),
)
g.output('both', g.concat([left, right], 1))
const graph = g.build()

it('a part has what leads to its end, in order, and nothing else', () => {
  const part = partUpTo(graph, 'right')
  assert.deepEqual(
    part.weights.map(({ name }) => name),
    ['right.weight'],
  )
  assert.deepEqual(
    part.nodes.map(({ op }) => op),
    ['linear'],
  )
  assert.equal(part.outputs[0]!.value, graph.stages.find(({ name }) => name === 'right')!.value)
  assert.deepEqual(partUpTo(graph, 'both').nodes, graph.nodes)
})

it('of something that is not there is an error that names it', () => {
  assert.throws(() => partUpTo(graph, 'middle'), /graph two has no stage and no output middle/)
})
