import PluginHost

WorkerProgram.main(CommandLine.arguments)
