// swift-tools-version: 6.2
import PackageDescription

// The fuzzer, a package of its own: it is built with sanitizers, into a folder of its own (`make fuzz`).
let package = Package(
  name: "fuzzing",
  dependencies: [.package(name: "intray", path: "../..")],
  targets: [
    .executableTarget(
      name: "Fuzz", dependencies: [.product(name: "FuzzTargets", package: "intray")],
      // libFuzzer brings main.
      swiftSettings: [.unsafeFlags(["-parse-as-library"]), .treatAllWarnings(as: .error)])
  ],
  swiftLanguageModes: [.v6]
)
