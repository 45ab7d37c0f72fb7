import * as organization from './generated/cloudscan/organization.ts';
import * as scan from './generated/cloudscan/scan.ts';
import * as storage from './generated/cloudscan/storage/storage.ts';
import * as protobuf from './generated/google/protobuf/any.ts';
import * as rpc from './generated/google/rpc/error_details.ts';

export { fileDescriptorSet } from './generated/descriptors.ts';
/** One namespace per proto file, since two packages share message names. */
export { organization, protobuf, rpc, scan, storage };
