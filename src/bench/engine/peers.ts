/** The engines that ours is measured with. Each is a Python package; `bench/peers/engine` drives them. */
import { fileURLToPath } from 'node:url'
import { UsageError } from '../../cli/command.ts'
import type { EngineProgram } from './engine-process.ts'

export const PEERS = ['llama.cpp', 'openvino', 'onnxruntime-genai'] as const

export type Peer = (typeof PEERS)[number]

const FOLDER = new URL('../../../bench/peers/engine/', import.meta.url)

/** `all`, or names such as `llama.cpp,openvino`; none for undefined. Throws UsageError. */
export function peersOption(text: string | undefined): readonly Peer[] {
  if (text === undefined) return []
  if (text === 'all') return PEERS
  return text.split(',').map((name) => {
    const peer = PEERS.find((known) => known === name)
    if (peer) return peer
    throw new UsageError(`--peers: expected all or some of ${PEERS.join(',')}, got '${name}'`)
  })
}

/** Makes what the peer reads of a checkpoint of the hub, in an empty folder. */
export function convertProgram(
  python: string,
  peer: Peer,
  checkpoint: string,
  out: string,
): EngineProgram {
  return peerProgram(python, `${peer}, converting`, ['peer.py', 'convert', peer, checkpoint, out])
}

/** Holds what the peer reads, and speaks as `jobs.ts` says. */
export function runProgram(
  python: string,
  peer: Peer,
  model: string,
  threads: number,
): EngineProgram {
  return peerProgram(python, peer, ['peer.py', 'run', peer, model, String(threads)])
}

/** A program of `bench/peers/engine` with its arguments. */
export function peerProgram(
  python: string,
  name: string,
  [program, ...args]: readonly [string, ...string[]],
): EngineProgram {
  return { name, command: python, args: [fileURLToPath(new URL(program, FOLDER)), ...args] }
}
