namespace StableDiffusion;

/// <summary>Adds the vectors of learnt words to the table of a text encoder.</summary>
/// <param name="Part">The text encoder's folder.</param>
/// <param name="Key">Words, files and their stamps.</param>
/// <param name="Words">The words with the ids of their vectors, which follow those of the table.</param>
/// <param name="Rows">Their vectors in the order of the ids [count, width].</param>
internal sealed record LearntWordsEdit(string Part, string Key, LearntWords Words, float[] Rows) : IGraphEdit
{
    public bool AppliesTo(string part) => part == Part;

    public void Apply(OnnxGraph graph) => EmbeddingTable.Find(graph).Append(graph, Rows);
}
