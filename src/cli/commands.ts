/** All subcommands, in the order of `aerie --help`. */

import { cachesBenchCommand } from '../bench/caches-command.ts'
import { encoderBenchCommand } from '../bench/encoder-command.ts'
import { engineBenchCommand } from '../bench/engine/command.ts'
import { framesBenchCommand } from '../bench/frames-command.ts'
import { importBenchCommand } from '../bench/import-command.ts'
import { kvBenchCommand } from '../bench/kv-command.ts'
import { mediaBenchCommand } from '../bench/media-command.ts'
import { serveBenchCommand } from '../bench/serve-command.ts'
import { soakCommand } from '../bench/soak/command.ts'
import { speculationBenchCommand } from '../bench/speculation-command.ts'
import { towerBenchCommand } from '../bench/tower-command.ts'
import { captionCommand } from '../caption/command.ts'
import { doctorCommand } from '../doctor/command.ts'
import { inspectCommand } from '../inspect/command.ts'
import { parityCommand } from '../parity/command.ts'
import { askCommand } from './ask.ts'
import type { Command } from './command.ts'
import { importCommand } from './import.ts'
import { serveCommand } from './serve.ts'

export const COMMANDS: readonly Command[] = [
  serveCommand,
  askCommand,
  captionCommand,
  importCommand,
  inspectCommand,
  doctorCommand,
  parityCommand,
  serveBenchCommand,
  soakCommand,
  mediaBenchCommand,
  framesBenchCommand,
  cachesBenchCommand,
  importBenchCommand,
  kvBenchCommand,
  towerBenchCommand,
  encoderBenchCommand,
  speculationBenchCommand,
  engineBenchCommand,
]
