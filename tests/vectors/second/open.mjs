// Opens a sector with libraries that share nothing with bakup's: @noble (keys, signatures, BLAKE3) and @hpke (X-Wing, HPKE).
//   npm install; node open.mjs ENTROPY_HEX SECTOR > opened.json
// Sections are those of docs/format/sector.md. Every value on the way is printed.
import { readFileSync } from "node:fs";
import { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";
import { gcm } from "@noble/ciphers/aes.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { blake3 } from "@noble/hashes/blake3.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { ml_dsa65 } from "@noble/post-quantum/ml-dsa.js";
import { ml_kem768_x25519 as NobleXWing } from "@noble/post-quantum/hybrid.js";

const text = (words) => new TextEncoder().encode(words);
const hex = (bytes) => Buffer.from(bytes).toString("hex");
const join = (...parts) => Uint8Array.from(Buffer.concat(parts.map((part) => Buffer.from(part))));
const u16 = (value) => Uint8Array.of(value & 255, value >> 8);
const derive = (ikm, salt, info, length = 32) => hkdf(sha256, ikm, salt, text(info), length);
const CONTEXT = text("bakup/1 ml-dsa-65");

// 3
const entropy = Uint8Array.from(Buffer.from(process.argv[2], "hex"));
const kemSeed = derive(entropy, undefined, "bakup/1 x-wing");
const edSeed = derive(entropy, undefined, "bakup/1 ed25519");
const dsaSeed = derive(entropy, undefined, "bakup/1 ml-dsa-65");
const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const jwk = { kty: "AKP", alg: "X-Wing", priv: Buffer.from(kemSeed).toString("base64url"), key_ops: ["deriveBits"] };
const kemPublic = NobleXWing.keygen(kemSeed).publicKey;
const edPublic = ed25519.getPublicKey(edSeed);
const dsa = ml_dsa65.keygen(dsaSeed);
const signing = join(edPublic, dsa.publicKey);
const out = {
  entropy: hex(entropy),
  kem_seed: hex(kemSeed),
  ed25519_seed: hex(edSeed),
  ml_dsa_seed: hex(dsaSeed),
  kem_public_key_blake3: hex(blake3(kemPublic)),
  ed25519_public_key: hex(edPublic),
  ml_dsa_public_key_blake3: hex(blake3(dsa.publicKey)),
  account_id: hex(blake3(join(text("bakup/1 account\0"), kemPublic, signing)).slice(0, 6)),
  signer_id: hex(blake3(join(text("bakup/1 signer\0"), u16(2), signing))),
  recipient_id: hex(blake3(join(text("bakup/1 recipient\0"), u16(0x647a), kemPublic)).slice(0, 8)),
  deterministic_signature_of_message_blake3: hex(
    blake3(ml_dsa65.sign(text("message"), dsa.secretKey, { context: CONTEXT, extraEntropy: false })),
  ),
};

// 4.1
const object = Uint8Array.from(readFileSync(process.argv[3]));
const view = new DataView(object.buffer);
const headerLength = view.getUint32(10, true);
const dataLength = Number(view.getBigUint64(30, true));
const metaLength = Number(view.getBigUint64(70, true));
const header = object.slice(0, headerLength);
const uuid = header.slice(14, 30);
const fields = [];
for (let at = 110; at < headerLength; ) {
  const length = view.getUint32(at + 2, true);
  fields.push([view.getUint16(at, true), header.slice(at + 6, at + 6 + length)]);
  at += 6 + length;
}
const field = (tag) => fields.find(([one]) => one === tag)[1];
const signature = field(0xffff);
const message = join(text("bakup/1 sector\0"), header.slice(0, headerLength - signature.length));
Object.assign(out, {
  header_digest: hex(blake3(header)),
  keys_are_ours: hex(field(0x8001)) === hex(join(u16(0x647a), kemPublic, u16(2), signing)),
  ed25519_verifies: ed25519.verify(signature.slice(0, 64), message, edPublic),
  ml_dsa_verifies: ml_dsa65.verify(signature.slice(64), message, dsa.publicKey, { context: CONTEXT }),
  ml_dsa_verifies_without_context: ml_dsa65.verify(signature.slice(64), message, dsa.publicKey),
});

// 4.2
const sealed = field(0x8002);
const recipient = await suite.createRecipientContext({
  recipientKey: await suite.kem.importKey("jwk", jwk, false),
  enc: sealed.slice(8, 1128).buffer,
  info: join(text("bakup/1 sector key"), uuid, u16(2), signing).buffer,
});
const sectorKey = new Uint8Array(await recipient.open(sealed.slice(1128).buffer));
const metaKey = derive(sectorKey, uuid, "bakup/1 meta");
const stored = object.slice(headerLength + dataLength, headerLength + dataLength + metaLength);
const nonce = new Uint8Array(12);
nonce[11] = 1; // the first segment is the last
Object.assign(out, {
  shared_secret: hex(NobleXWing.decapsulate(sealed.slice(8, 1128), NobleXWing.keygen(kemSeed).secretKey)),
  recipient_of_the_key: hex(sealed.slice(0, 8)),
  sector_key: hex(sectorKey),
  key_check: hex(derive(sectorKey, uuid, "bakup/1 key check")),
  key_check_field: hex(field(0x8004)),
  data_key: hex(derive(sectorKey, uuid, "bakup/1 data")),
  meta_key: hex(metaKey),
  meta_digest_is_right: hex(blake3(stored)) === hex(header.slice(78, 110)),
  meta_region_blake3: hex(blake3(gcm(metaKey, nonce).decrypt(stored))),
});
console.log(JSON.stringify(out, null, 2));
