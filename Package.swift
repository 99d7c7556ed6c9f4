// swift-tools-version: 6.2
import PackageDescription

// A target's dependencies are its permissions (docs/architecture.md).
let strict: [SwiftSetting] = [.treatAllWarnings(as: .error)]

func library(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func plugin(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, path: "Plugins/\(name)", swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
/// What a runner of models is made of.
let engine: [Target.Dependency] = [
  "PluginKit", "FileKit", "Tables", "ModelStore", "Tensors", "Tokenizers", "Models", "Training",
]
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")

let package = Package(
  name: "intray",
  products: [
    .executable(name: "intrayd", targets: ["intrayd"]),
    .executable(name: "intray-worker", targets: ["intray-worker"]),
    .executable(name: "intray", targets: ["intray"]),
    .library(name: "Augment", type: .dynamic, targets: ["Augment"]),
    .library(name: "Echo", type: .dynamic, targets: ["Echo"]),
    .library(name: "Finetune", type: .dynamic, targets: ["Finetune"]),
    .library(name: "Infer", type: .dynamic, targets: ["Infer"]),
    .library(name: "Phrasetable", type: .dynamic, targets: ["Phrasetable"]),
    .library(name: "Backtranslate", type: .dynamic, targets: ["Backtranslate"]),
    .library(name: "Analyze", type: .dynamic, targets: ["Analyze"]),
    // For the package in Tests/Fuzzing.
    .library(name: "FuzzTargets", targets: ["FuzzTargets"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
  ],
  targets: [
    // C: the plugin ABI, hot kernels, and shims over system libraries.
    .target(name: "CIntrayPlugin"),
    .target(name: "CLinux"),
    .target(
      name: "CKernels",
      cSettings: [.unsafeFlags(["-O3", "-fno-math-errno", "-Wall", "-Wextra", "-Wno-psabi", "-Werror"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CSystemd", pkgConfig: "libsystemd", providers: [.apt(["libsystemd-dev"])]),
    .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "CLibCSV", providers: [.apt(["libcsv-dev"])]),

    // Plain values and files: for everyone.
    library("IntrayCore", []),
    library("FileKit", ["IntrayCore", "CLinux", "COpenSSL"]),
    library("SpecFile", ["IntrayCore", "FileKit", "CLibYAML"]),
    library("Tables", ["IntrayCore", "FileKit", "CLibCSV"]),
    library("ModelStore", ["IntrayCore", "FileKit"]),
    library("Report", []),

    // The engine: knows nothing of jobs.
    library("Tensors", ["IntrayCore", "CKernels"]),
    library("Layers", ["Tensors", "CKernels"]),
    library("Optimizers", ["Tensors", "CKernels"]),
    library("Safetensors", ["IntrayCore", "FileKit"]),
    library("Tokenizers", ["IntrayCore", "FileKit"]),
    library("Models", ["IntrayCore", "FileKit", "Tensors", "Layers", "Optimizers", "Safetensors", "CKernels"]),
    library(
      "Training", ["IntrayCore", "FileKit", "Tables", "Tensors", "Optimizers", "Safetensors", "Tokenizers", "Models"]),
    library("Analysis", ["IntrayCore", "FileKit", "Tables", "Tensors", "Tokenizers", "Report"]),

    // Texts: cleaning, translating, copying. Knows nothing of jobs.
    library("Text", ["IntrayCore", "FileKit"]),
    library("BackTranslation", ["IntrayCore", "FileKit", "Tables", "CLinux"]),
    library("Augmentation", ["Tensors", "Text", "BackTranslation"]),

    // The host: never imports the engine.
    library("WorkerLink", ["IntrayCore", "CLinux"]),
    library("PluginHost", ["IntrayCore", "FileKit", "WorkerLink", "CIntrayPlugin", "CLinux"]),
    library("JobStore", ["IntrayCore", grdb, sqlite]),
    library("Intake", ["IntrayCore", "FileKit", "ModelStore", "SpecFile", "Tables"]),
    library("Outbox", ["IntrayCore", "FileKit", "ModelStore", "SpecFile"]),
    library("JobDispatch", ["IntrayCore", "FileKit", "WorkerLink", "PluginHost", "JobStore", "Outbox"]),
    library(
      "Service",
      [
        "IntrayCore", "FileKit", "ModelStore", "SpecFile", "Intake", "JobStore", "JobDispatch", "Outbox", "WorkerLink",
        "PluginHost",
        "CSystemd", logging,
      ]),

    // Programs: wiring only.
    program("intrayd", ["IntrayCore", "SpecFile", "Service", argumentParser]),
    program("intray-worker", ["IntrayCore", "PluginHost", "WorkerLink"]),
    program(
      "intray",
      [
        "IntrayCore", "FileKit", "Service", "SpecFile", "Outbox", "Tables", "ModelStore", "Tokenizers", "Models",
        "Training", "Tensors", "Text", "CKernels", "PluginHost", argumentParser,
      ]),

    // Plugins: a dynamic library each.
    library("PluginKit", ["IntrayCore", "FileKit", "CIntrayPlugin"]),
    .target(
      name: "Echo", dependencies: ["CIntrayPlugin"], path: "Plugins/Echo", publicHeadersPath: ".",
      cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
    plugin("Finetune", engine),
    plugin("Infer", engine),
    plugin(
      "Augment",
      [
        "PluginKit", "FileKit", "Tables", "ModelStore", "Tensors", "Training", "Text", "BackTranslation",
        "Augmentation",
      ]),
    plugin("Phrasetable", ["PluginKit", "FileKit", "BackTranslation"]),
    plugin("Backtranslate", ["PluginKit", "FileKit", "Tables", "BackTranslation"]),
    plugin("Analyze", ["PluginKit", "FileKit", "ModelStore", "Tensors", "Tokenizers", "Analysis"]),

    // Tests: one target per target, and EndToEnd for the whole way of the data.
    .target(
      name: "TestSupport", dependencies: ["IntrayCore", "CLinux"], path: "Tests/TestSupport", swiftSettings: strict),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "IntrayCore", "SpecFile", "Tables", "WorkerLink", "Safetensors", "Tensors", "Models", "Tokenizers", "Text",
        "BackTranslation",
      ], path: "Tests/FuzzTargets", swiftSettings: strict),
    tests("FuzzTests", ["TestSupport", "FuzzTargets"]),
    tests("IntrayCoreTests", ["IntrayCore"]),
    .executableTarget(
      name: "CrashProbe", dependencies: ["FileKit"], path: "Tests/CrashProbe", swiftSettings: strict),
    tests("FileKitTests", ["IntrayCore", "TestSupport", "FileKit", "CrashProbe"]),
    tests("SpecFileTests", ["IntrayCore", "TestSupport", "SpecFile", "FileKit"]),
    tests("TablesTests", ["IntrayCore", "TestSupport", "Tables", "FileKit"]),
    tests("TensorsTests", ["IntrayCore", "TestSupport", "Tensors", "CKernels"]),
    tests("LayersTests", ["IntrayCore", "TestSupport", "Layers", "Tensors", "Safetensors", "CKernels"]),
    tests("OptimizersTests", ["IntrayCore", "TestSupport", "Optimizers", "Layers", "Tensors", "Safetensors"]),
    tests("SafetensorsTests", ["IntrayCore", "TestSupport", "Safetensors", "FileKit"]),
    tests("TokenizersTests", ["IntrayCore", "TestSupport", "Tokenizers", "Tables"]),
    tests("TextTests", ["IntrayCore", "TestSupport", "Text", "FileKit"]),
    tests(
      "ModelsTests",
      ["IntrayCore", "TestSupport", "Models", "Layers", "Optimizers", "Tensors", "Safetensors", "FileKit"]),
    tests(
      "TrainingTests",
      [
        "IntrayCore", "TestSupport", "Training", "Models", "Optimizers", "Tensors", "Tokenizers", "Tables",
        "Safetensors", "FileKit",
      ]),
    tests("AugmentationTests", ["Augmentation", "BackTranslation", "Tensors", "Text"]),
    tests("BackTranslationTests", ["IntrayCore", "TestSupport", "BackTranslation", "FileKit"]),
    tests("ReportTests", ["TestSupport", "Report"]),
    tests("AnalysisTests", ["IntrayCore", "TestSupport", "Analysis", "Report", "Tensors", "Tokenizers"]),
    tests("WorkerLinkTests", ["IntrayCore", "TestSupport", "WorkerLink", "FileKit"]),
    tests("PluginHostTests", ["IntrayCore", "TestSupport", "PluginHost", "WorkerLink", "FileKit"]),
    tests("JobStoreTests", ["IntrayCore", "TestSupport", "JobStore", grdb]),
    tests("IntakeTests", ["IntrayCore", "TestSupport", "Intake", "ModelStore", "FileKit", "SpecFile", "Tables"]),
    tests("OutboxTests", ["IntrayCore", "TestSupport", "Outbox", "FileKit", "SpecFile"]),
    tests(
      "JobDispatchTests",
      ["IntrayCore", "TestSupport", "JobDispatch", "JobStore", "WorkerLink", "PluginHost", "Outbox", "FileKit"]),
    tests(
      "ServiceTests",
      ["IntrayCore", "TestSupport", "Service", "SpecFile", "FileKit", "JobStore", "Intake", "Outbox", logging]),
    tests("CommandTests", ["IntrayCore", "TestSupport", "FileKit"]),
    tests(
      "EndToEnd",
      [
        "IntrayCore", "TestSupport", "FileKit", "SpecFile", "JobStore", "WorkerLink", "PluginHost", "Tables", "Outbox",
        "Service",
      ]),
  ],
  swiftLanguageModes: [.v6]
)
