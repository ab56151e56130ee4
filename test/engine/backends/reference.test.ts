import { createBackend } from '../../../src/engine/backends/create.ts'
import { testBackendContract } from '../../support/backend-contract.ts'

testBackendContract(await createBackend('reference'))
