/** The document of an adapter: that of the model that it belongs to, and what is its own. */
import { createHash } from 'node:crypto'
import type { AdapterFacts } from '../adapters/contract.ts'
import type { CapabilityDocument } from './document.ts'

export function adapterDocument(base: CapabilityDocument, facts: AdapterFacts): CapabilityDocument {
  return {
    ...base,
    id: facts.name,
    created: facts.created,
    digest: sha256(`${base.digest}\n${facts.digest}`),
    systemFingerprint: adapterFingerprint(base.systemFingerprint, facts),
    // What was measured was the model as it is.
    parity: undefined,
    adapter: { ...facts, base: base.id },
  }
}

/** Changes with the model's, and with the adapter. */
export function adapterFingerprint(fingerprint: string, { digest }: AdapterFacts): string {
  return `fp_${sha256(`${fingerprint}\n${digest}`).slice(0, 12)}`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
