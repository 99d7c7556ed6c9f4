import FileKit
import IntrayCore

extension JobPlan {
  /// What a runner left in the output folder of its plan. The file is the plugin's: nothing in it is trusted further than
  /// its form.
  /// - Throws: `IntrayError` when it is missing, too long, or not a plan.
  public static func read(from folder: String) throws -> JobPlan {
    let path = "\(folder)/\(fileName)"
    do {
      return try JSON.decode(
        from: Files.read(path, limit: sizeLimit, followingLinks: false), path: path, code: .plugin)
    } catch {
      let error = IntrayError(error)
      throw IntrayError(.plugin, "\(fileName): \(error.message)", at: .init(path))
    }
  }
}
