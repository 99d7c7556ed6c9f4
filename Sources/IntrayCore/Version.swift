/// The version of Intray, as `--version` prints it and `CHANGELOG.md` describes it.
public enum Version {
  public static let current = "0.1.0"
}
