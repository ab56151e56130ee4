/** Backends by name. */
import { AerieError } from '../../errors.ts'
import type { Backend } from '../backend.ts'

/** Names that {@link createBackend} accepts. */
export const BACKENDS = ['native', 'onnx', 'reference'] as const

/**
 * The backend of that name; its runtime is loaded with its first session. Throws `invalid_config`
 * for another name.
 */
export async function createBackend(name: string): Promise<Backend> {
  switch (name) {
    case 'native':
      return (await import('./native.ts')).nativeBackend
    case 'onnx':
      return (await import('./onnx.ts')).onnxBackend
    case 'reference':
      return (await import('./reference.ts')).referenceBackend
    default:
      throw new AerieError(
        'invalid_config',
        `backend ${JSON.stringify(name)} is not known; known: ${BACKENDS.join(', ')}`,
      )
  }
}
