using StableDiffusion.Cli;

StandardStreams.Prepare();
return CommandLine.Run(args);
