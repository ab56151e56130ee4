import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isPrivateAddress, isPublicAddress } from '../../src/media/address.ts'

/** One of each special range, its edges where a mask is easily got wrong (IANA's special-purpose registries). */
const REFUSED = {
  loopback: ['127.0.0.1', '127.255.255.255', '::1'],
  unspecified: ['0.0.0.0', '0.1.2.3', '::'],
  private: ['10.0.0.1', '172.16.0.0', '172.31.255.255', '192.168.1.1'],
  'link-local, with the metadata services of clouds': [
    '169.254.169.254',
    '169.254.0.1',
    'fe80::1',
    'febf::1',
  ],
  'shared by carriers': ['100.64.0.0', '100.127.255.255', '100.100.100.200'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  'broadcast and reserved': ['255.255.255.255', '240.0.0.1', '192.0.0.192', '192.88.99.1'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.255', '2001:db8::1', '3fff::1'],
  benchmarking: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  'unique local': ['fc00::1', 'fdff::1', 'fd00:ec2::254'],
  'site-local, long deprecated': ['fec0::1'],
  discard: ['100::1'],
  'IPv4 mapped into IPv6': ['::ffff:127.0.0.1', '::ffff:8.8.8.8', '::ffff:7f00:1'],
  'IPv4-compatible': ['::127.0.0.1', '::8.8.8.8'],
  '6to4': ['2002:7f00:1::', '2002:0808:0808::'],
  Teredo: ['2001::1', '2001:0:7f00:1::'],
  NAT64: ['64:ff9b::7f00:1', '64:ff9b::8.8.8.8', '64:ff9b:1::1'],
  ISATAP: ['2600::5efe:10.0.0.1', '2600::200:5efe:10.0.0.1'],
  'an agent inside a cloud': ['168.63.129.16'],
  'no address': [
    '',
    'example.org',
    '999.1.1.1',
    '1.2.3',
    '127.1',
    '0x7f.0.0.1',
    'fe80::1%eth0',
    '::1%lo',
  ],
}

describe('addresses to fetch from', () => {
  for (const [range, addresses] of Object.entries(REFUSED)) {
    it(`refuses ${range}`, () => {
      for (const address of addresses) assert.equal(isPublicAddress(address), false, address)
    })
  }

  it('takes for private what hosts of a closed network have, and no metadata service', () => {
    const hosts = [
      '127.0.0.1',
      '::1',
      '10.0.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      'fd12::1',
    ]
    assert.deepEqual(hosts.filter(isPrivateAddress), hosts)
    const others = [
      '169.254.169.254',
      'fe80::1',
      '0.0.0.0',
      '224.0.0.1',
      '255.255.255.255',
      '192.0.0.192',
      '100.100.100.200',
      'fd00:ec2::254',
      'fd20:ce::254',
      '168.63.129.16',
      '::ffff:10.0.0.1',
      '64:ff9b::a00:1',
      '2002:a00:1::',
      '127.1',
      'example.org',
    ]
    assert.deepEqual(others.filter(isPrivateAddress), [])
  })

  it('allows the public internet', () => {
    const hosts = [
      '1.1.1.1',
      '8.8.8.8',
      '93.184.216.34',
      '172.15.0.1',
      '172.32.0.1',
      '100.63.0.1',
      '100.128.0.1',
    ]
    for (const address of [...hosts, '2606:4700:4700::1111', '2a00:1450::1']) {
      assert.equal(isPublicAddress(address), true, address)
    }
  })

  it('refuses every IPv4 address in every IPv6 dress', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number]
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`
        for (const dressed of [
          `::ffff:${address}`,
          `::${hex}`,
          `2002:${hex}::1`,
          `64:ff9b::${hex}`,
        ]) {
          assert.equal(isPublicAddress(dressed), false, dressed)
        }
      }),
    )
  })

  it('refuses every IPv6 address that is not allocated for the internet', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const first = Number.parseInt(address.split(':')[0] || '0', 16)
        if (first < 0x2000 || first > 0x3fff) assert.equal(isPublicAddress(address), false, address)
      }),
    )
  })
})
