/// The MESSAGE_ID of each outcome of a job in the journal (sd_journal_print(3)); the catalog explains them to people.
public enum Outcome: String, Sendable, CaseIterable {
  case queued = "0659be68f2da4790b4af6003c5758a9b"
  case started = "31b5ebac339e4315acea2c547efc2b11"
  case resumed = "b6f50962ca8a4edfa8c9d420aee037b7"
  case attemptFailed = "053e2dab375f4f768c846fa8bc4d8f04"
  case done = "cd20f683c1de413ebd74018d028325c6"
  case rejected = "44f7d415ba514fcea9048da4345c634b"
  case cancelled = "210c3a2861a7424cbaa44670b54bbe0b"
  /// The same job was done before: its result is the answer.
  case answered = "e4ce53488971405aa92508d0c9146ff8"
  /// The result is made and cannot be published yet.
  case publishingFailed = "df848e62d0934cc0be9e25b40e3e4146"
}
