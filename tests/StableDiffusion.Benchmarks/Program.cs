using System.CommandLine;
using StableDiffusion.Benchmarks;

var root = new RootCommand("Measures this program against others. Speed is measured here and never tested.")
{
    OverheadCommand.Create(),
    YardstickCommand.Create(),
    BareCommand.Create(),
};
return root.Parse(args).Invoke();
