using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary><c>canny</c>: a picture's edges, as ControlNets for edges are shown them.</summary>
internal static class CannyCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "The picture." };
        var output = new Option<string>("--output", "-o") { Description = "The picture of edges to write: .png, .jpg or .webp.", HelpName = "file", Required = true };
        var low = new Option<double>("--low") { Description = "Slopes above it belong to an edge if they touch one.", HelpName = "x", DefaultValueFactory = _ => Canny.DefaultLow };
        var high = new Option<double>("--high") { Description = "Slopes above it are edges.", HelpName = "x", DefaultValueFactory = _ => Canny.DefaultHigh };
        var command = new Command("canny", "Finds the edges of a picture, as OpenCV does; for --control-image. Example:\n  sd canny photo.jpg --output edges.png --low 100 --high 200") { file, output, low, high };
        command.SetAction(parsed =>
        {
            foreach (var option in (Option<double>[])[low, high])
            {
                if (!double.IsFinite(parsed.GetValue(option)))
                {
                    throw new RequestException($"{option.Name} must be a finite number, such as 100.");
                }
            }

            var path = parsed.GetValue(output)!;
            var kind = PictureFile.KindOf(path);
            var edges = Canny.Edges(PictureReader.Read(parsed.GetValue(file)!), parsed.GetValue(low), parsed.GetValue(high));
            AtomicFile.Write(path, stream => PictureWriter.Write(stream, edges, kind));
            Console.Out.WriteLine(path);
            return ExitCode.Done;
        });
        return command;
    }
}
