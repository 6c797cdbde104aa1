/** Does the file system keep locks, and share memory between processes, as a local one does? statfs(2). */
'use strict'

const { statfsSync } = require('node:fs')
const { error, ok, warning } = require('./finding')

const NETWORK = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x564c, 'NCP'],
  [0x01021997, '9P'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x786f4256, 'VirtualBox shared folder']
])
const FUSE = 0x65735546

function fileSystemFindings({ dir }) {
  if (process.platform !== 'linux') return []
  return [judge(statfsSync(dir).type, dir)]
}

function judge(type, dir) {
  const name = NETWORK.get(type)
  if (name) {
    return error(
      'file system',
      `${dir} is on ${name}: locks may not reach other machines, and WAL does not work between them`,
      'move the database to a local disk'
    )
  }
  if (type === FUSE) {
    return warning(
      'file system',
      `${dir} is on FUSE: it may be a network behind it (sshfs, s3fs), or a local disk`
    )
  }
  return ok('file system', `no network file system known to us (type 0x${type.toString(16)})`)
}

module.exports = { fileSystemFindings, judge }
