import ArgumentParser
import Foundation
import IntrayCore
import ModelStore

struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Look after the model store.",
    subcommands: [List.self, Show.self, Add.self, Remove.self],
    defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the models.")

    @OptionGroup var configuration: ConfigurationOption
    @OptionGroup var format: FormatOption

    func run() throws {
      let store = ModelStore(try configuration.read())
      var models: [ModelSummary] = []
      for name in try store.names() {
        do {
          models.append(try store.summary(name))
        } catch {
          Output.error(IntrayError(error))
        }
      }
      if format.json { return try Output.json(models) }
      if models.isEmpty {
        return Output.note("no model in \(store.folder); `intray models add DIR` takes a Hugging Face folder")
      }
      Output.table(
        ["MODEL", "SHAPE", "SIZE", "CLASSES"],
        models.map { [$0.name, $0.shape, Output.size($0.bytes), $0.labels.map { "\($0.count)" } ?? ""] })
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a model's shape and labels.")

    @Argument(help: "The model.")
    var name: String
    @OptionGroup var configuration: ConfigurationOption
    @OptionGroup var format: FormatOption

    func run() throws {
      let model = try ModelStore(configuration.read()).summary(name)
      if format.json { return try Output.json(model) }
      let common = [("name", model.name), ("folder", model.path), ("shape", model.shape)]
      guard let vocabulary = model.vocabulary, let positions = model.positions else {
        return Output.pairs(common + [("size", Output.size(model.bytes))])
      }
      Output.pairs(
        common + [
          ("vocabulary", "\(vocabulary)"), ("positions", "\(positions)"), ("weights", Output.size(model.bytes)),
          ("head", model.head ?? "none"), ("labels", model.labels?.joined(separator: ", ") ?? "none"),
        ])
    }
  }

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copy a Hugging Face folder into the model store.",
      discussion: "The folder is opened as a model first, so that nothing unusable comes into the store.")

    @Argument(help: "The folder with config.json, model.safetensors and the tokenizer's files.", completion: .directory)
    var folder: String
    @Option(help: "The model's name in the store; without it, the folder's.")
    var name: String?
    @Flag(help: "Replace a model of this name.")
    var force = false
    @OptionGroup var configuration: ConfigurationOption
    @OptionGroup var format: FormatOption

    func run() throws {
      let store = ModelStore(try configuration.read())
      let name = name ?? URL(fileURLWithPath: folder).standardizedFileURL.lastPathComponent
      try store.add(folder, as: name, force: force)
      let model = try store.summary(name)
      if format.json { return try Output.json(model) }
      print("\(name): \(model.shape), \(Output.size(model.bytes))")
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Remove a model from the store.")

    @Argument(help: "The model.")
    var name: String
    @OptionGroup var configuration: ConfigurationOption

    func run() throws {
      try ModelStore(configuration.read()).remove(name)
    }
  }
}
