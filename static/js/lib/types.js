/**
 * The shapes the server sends (docs/protocol.md). Types only, nothing runs here.
 *
 * @typedef {object} Message
 * @property {string} identity
 * @property {string} room_identity
 * @property {string} user_identity
 * @property {number} seq
 * @property {number} revision 0 until the first edit or recall
 * @property {string} client_id
 * @property {string} kind
 * @property {string} data
 * @property {number} created_at Unix milliseconds
 * @property {number} updated_at
 * @property {?number} edited_at
 * @property {?number} recalled_at
 *
 * @typedef {{nickname: string, avatar: string, handle?: string}} User what is shown of a user beside
 *   messages; `avatar` is the address of a picture, `handle` the username if the name alone could be
 *   taken for that of another member
 *
 * @typedef {{identity: string, nickname: string, avatar: string}} Me
 *
 * @typedef {object} Member
 * @property {{identity: string, nickname: string, avatar: string}} user
 * @property {string} role
 *
 * @typedef {object} Page a page of history
 * @property {Message[]} messages ascending seq
 * @property {boolean} has_before
 * @property {boolean} has_after
 * @property {number} last_seq
 * @property {number} revision
 * @property {number} complete_to
 *
 * @typedef {object} Room
 * @property {string} identity
 * @property {string} name
 * @property {string} avatar the address of its picture
 * @property {string} kind `group` or `direct`
 * @property {string} role
 * @property {number} last_seq
 * @property {number} revision
 * @property {number} read_seq
 * @property {number} unread
 * @property {?Message} last_message
 * @property {number} created_at
 * @property {{identity: string}} [peer] the other side of a direct room
 * @property {?boolean} [online] whether they are; null when I may not know
 *
 * @typedef {object} SyncAnswer what `sync` answers for one room
 * @property {Message[]} messages new ones, ascending seq
 * @property {Message[]} changed edited or recalled ones
 * @property {number} last_seq
 * @property {number} revision
 * @property {number} complete_to up to this seq, what is missing does not exist
 * @property {boolean} has_more
 *
 * @typedef {object} Entry a message on its way out
 * @property {string} client_id
 * @property {string} room_identity
 * @property {string} data
 * @property {number} order ascending; also when it was written, Unix milliseconds
 * @property {string} reason why it failed, "" while it waits: the state follows from this alone
 */

export {};
