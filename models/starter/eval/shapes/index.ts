/** Every kind of the starter's world with its drawing. */
import { arrow } from './arrow.ts'
import { car } from './car.ts'
import { circle } from './circle.ts'
import { cross } from './cross.ts'
import { cup } from './cup.ts'
import { diamond } from './diamond.ts'
import { fish } from './fish.ts'
import { flower } from './flower.ts'
import { heart } from './heart.ts'
import { house } from './house.ts'
import { moon } from './moon.ts'
import { ring } from './ring.ts'
import type { Shape } from './shape.ts'
import { square } from './square.ts'
import { star } from './star.ts'
import { tree } from './tree.ts'
import { triangle } from './triangle.ts'

export const shapes = {
  circle,
  square,
  triangle,
  star,
  heart,
  cross,
  ring,
  moon,
  house,
  tree,
  car,
  cup,
  fish,
  flower,
  diamond,
  arrow,
} as const satisfies Record<string, Shape>

export type Kind = keyof typeof shapes

export const KINDS = Object.keys(shapes) as Kind[]
