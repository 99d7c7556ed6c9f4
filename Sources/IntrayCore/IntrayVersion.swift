/// The version of the programs and of the runners that come with them. CHANGELOG.md says what changed in it.
public enum IntrayVersion {
  public static let current = "0.1.0"
}
