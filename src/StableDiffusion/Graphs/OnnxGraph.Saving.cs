namespace StableDiffusion;

/// <content>Graphs as files.</content>
internal sealed partial class OnnxGraph
{
    /// <summary>
    /// Writes the graph as it is now, with all its big weights in one file beside it. It is not to be changed or opened afterwards: its weights are those of
    /// the new files.
    /// </summary>
    /// <param name="path">The graph's file. Neither it nor the other may be there.</param>
    /// <exception cref="ModelException">Weights cannot be read.</exception>
    /// <exception cref="IOException">The files cannot be written.</exception>
    public void Save(string path)
    {
        var weightsPath = path + "_data";
        var name = System.IO.Path.GetFileName(weightsPath);
        var places = new Dictionary<OnnxFileRange, OnnxFileRange>();
        using (var weights = new FileStream(weightsPath, FileMode.CreateNew, FileAccess.Write))
        {
            foreach (var weight in Initializers.Where(one => one.File is not null))
            {
                var range = weight.File!;
                if (!places.TryGetValue(range, out var place))
                {
                    var bytes = ReadBytes(weight);
                    weights.Position = WeightFiles.Aligned(weights.Position);
                    places[range] = place = new OnnxFileRange(name, weights.Position, bytes.Length);
                    weights.Write(bytes);
                }

                weight.PointTo(place);
            }

            weights.Flush(flushToDisk: true);
        }

        if (places.Count == 0)
        {
            File.Delete(weightsPath);
        }

        AtomicFile.Write(path, stream => stream.Write(ToBytes()), overwrite: false);
    }
}
