import IntrayCore
import Optimizers
import Safetensors
import Tensors
import TestSupport
import Testing

@Suite struct AdamWTests {
  /// Two groups, decay, clipping, a schedule: eight steps as PyTorch takes them.
  @Test func stepsEqualThoseOfPyTorch() throws {
    let file = try SafetensorsFile(Checkout.fixture("engine/adamw.safetensors"))
    func read(_ name: String, _ shape: [Int]) throws -> Tensor {
      let tensor = Tensor(shape)
      try file.read(name, shape: shape, into: tensor.buffer)
      return tensor
    }
    let a = Parameter(name: "a", shape: [5, 7])
    let b = Parameter(name: "b", shape: [11])
    a.value.copy(from: try read("a.0", [5, 7]))
    b.value.copy(from: try read("b.0", [11]))
    let optimizer = AdamW(
      groups: [
        .init(name: "a", parameters: [a], learningRate: 1e-2, weightDecay: 0.1),
        .init(name: "b", parameters: [b], learningRate: 3e-3, weightDecay: 0.1),
      ], pool: ThreadPool(threads: 2))
    let schedule = LinearSchedule(warmup: 3, total: 8)
    let norms = try read("norms", [8])
    for step in 0..<8 {
      a.gradient.copy(from: try read("a.gradient.\(step)", [5, 7]))
      b.gradient.copy(from: try read("b.gradient.\(step)", [11]))
      let norm = optimizer.clip(maxNorm: 5)
      #expect(abs(norm - Double(norms[step])) < 1e-5 * norm)
      optimizer.step(scale: schedule.factor(step))
      for (parameter, shape) in [(a, [5, 7]), (b, [11])] {
        let expected = try read("\(parameter.name).\(step + 1)", shape)
        for (found, wanted) in zip(parameter.value.elements, expected.elements) {
          #expect(abs(found - wanted) < 2e-6 * max(1, abs(wanted)))
        }
      }
    }
    #expect(optimizer.steps == 8)
  }

  @Test func aSmallNormIsNotScaledUp() {
    let parameter = Parameter(name: "p", shape: [2])
    parameter.gradient.copy(from: Tensor([2], [3, 4]))
    let optimizer = AdamW(
      groups: [.init(name: "p", parameters: [parameter], learningRate: 1, weightDecay: 0)], pool: ThreadPool(threads: 1)
    )
    #expect(optimizer.clip(maxNorm: 10) == 5)
    optimizer.step(scale: 1)
    // The first moment after one step is (1 - beta1) times the gradient.
    #expect(abs(optimizer.moments[0].first[1] - 0.4) < 1e-6)
    #expect(optimizer.clip(maxNorm: 1) == 5)
    optimizer.step(scale: 1)
    #expect(abs(optimizer.moments[0].first[1] - (0.36 + 0.08)) < 1e-6)
  }

  @Test func aGradientThatIsNotFiniteShowsInTheNorm() {
    let parameter = Parameter(name: "p", shape: [3])
    parameter.gradient[1] = .nan
    let optimizer = AdamW(
      groups: [.init(name: "p", parameters: [parameter], learningRate: 1)], pool: ThreadPool(threads: 1))
    #expect(!optimizer.clip(maxNorm: 1).isFinite)
  }

  @Test func stateThatIsCopiedGivesTheSameSteps() {
    let pool = ThreadPool(threads: 2)
    func make() -> (Parameter, AdamW) {
      let parameter = Parameter(name: "p", shape: [300_000])
      var random = CounterRandom(seed: 1, purpose: 1)
      random.fillNormal(parameter.value, deviation: 1)
      random.fillNormal(parameter.gradient, deviation: 1)
      return (parameter, AdamW(groups: [.init(name: "p", parameters: [parameter], learningRate: 0.1)], pool: pool))
    }
    let (first, optimizer) = make()
    for _ in 0..<3 { optimizer.step(scale: 1) }
    let (second, resumed) = make()
    second.value.copy(from: first.value)
    resumed.moments[0].first.copy(from: optimizer.moments[0].first)
    resumed.moments[0].second.copy(from: optimizer.moments[0].second)
    resumed.resume(after: optimizer.steps)
    optimizer.step(scale: 0.5)
    resumed.step(scale: 0.5)
    #expect(first.value.elements == second.value.elements)
  }

  /// A table's steps are those of a parameter that is none, bit for bit: also when rows are touched late, never, or again
  /// after a resumption.
  @Test func aTableTakesTheSameSteps() {
    let pool = ThreadPool(threads: 2)
    let (rows, columns) = (4000, 48)
    func make(isTable: Bool) -> (Parameter, AdamW) {
      let parameter = Parameter(name: "p", shape: [rows, columns], isTable: isTable)
      var random = CounterRandom(seed: 1, purpose: 1)
      random.fillNormal(parameter.value, deviation: 1)
      parameter.touched?.clear()
      return (parameter, AdamW(groups: [.init(name: "p", parameters: [parameter], learningRate: 0.1)], pool: pool))
    }
    let (plain, reference) = make(isTable: false)
    var (table, optimizer) = make(isTable: true)
    for step in 0..<6 {
      if step == 4 {
        let (again, resumed) = make(isTable: true)
        again.value.copy(from: table.value)
        resumed.moments[0].first.copy(from: optimizer.moments[0].first)
        resumed.moments[0].second.copy(from: optimizer.moments[0].second)
        resumed.resume(after: optimizer.steps)
        (table, optimizer) = (again, resumed)
      }
      let gradient = Tensor([rows, columns])
      var random = CounterRandom(seed: 2, purpose: 1, index: UInt64(step))
      let touched = (0..<20).map { Int32(($0 * 37 + step * 11) % (rows / 2)) }
      let row = Tensor([columns])
      for index in touched {
        random.fillNormal(row, deviation: 1)
        for column in 0..<columns { gradient[Int(index) * columns + column] = row[column] }
      }
      table.touched?.clear()
      table.touched?.touch(touched)
      for parameter in [plain, table] { parameter.gradient.copy(from: gradient) }
      let norms = (reference.clip(maxNorm: 1000), optimizer.clip(maxNorm: 1000))
      #expect(abs(norms.0 - norms.1) < 1e-9 * norms.0)
      for optimizer in [reference, optimizer] { optimizer.step(scale: 1) }
      #expect(plain.value.elements == table.value.elements, "step \(step)")
    }
    #expect(reference.moments[0].second.elements == optimizer.moments[0].second.elements)
  }
}

@Suite struct LinearScheduleTests {
  @Test func theFactorRisesAndFalls() {
    let schedule = LinearSchedule(warmup: 3, total: 8)
    let expected = [1.0 / 3, 2.0 / 3, 1, 1, 0.8, 0.6, 0.4, 0.2, 0, 0]
    for (step, factor) in expected.enumerated() { #expect(abs(schedule.factor(step) - factor) < 1e-12) }
  }

  @Test func aShareOfTheStepsIsWarmUp() {
    #expect(LinearSchedule(warmupShare: 0.06, total: 750) == LinearSchedule(warmup: 45, total: 750))
    #expect(LinearSchedule(warmupShare: 0, total: 10).factor(0) == 1)
    #expect(LinearSchedule(warmupShare: 0.5, total: 0).factor(0) == 1)
    #expect(LinearSchedule(warmupShare: 2, total: 4).factor(3) == 1)
  }
}
