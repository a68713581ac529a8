Feature: A boat's papers go in, the right page comes out

  @core
  Scenario: From registration to the first hit inside a scan
    Given a new server
    When "ada@example.org" registers with the organization "Example Yachts"
    And "ada@example.org" signs in
    And they add the boat "Calypso"
    And they upload the scan "certificate-of-registry.pdf" to the boat
    And the paper is read
    Then the paper is ready with 1 page
    And every hit for "registry" leads to page 1 of the paper and marks the word
    And the image of page 1 is a JPEG

  @core
  Scenario: A mixed PDF is found on every page
    Given a signed-in captain with a boat
    When they upload "sea-trial-report.pdf" to the boat
    And the paper is read
    Then the paper is ready with 4 pages
    And the pages come from: native, ocr, native, ocr
    And a search for "squeaks" finds page 2
    And a search for "passerelle" finds page 3

  Scenario: The same bytes twice answer with the first document, also from the bin
    Given a signed-in captain with a boat
    When they upload "wiring-note.md" to the boat
    And they upload the same file again
    Then it is refused as a conflict with the id of the first, not in the bin
    When they upload the same file again to link it to another boat
    Then the first document belongs to both boats
    When they delete the document
    And they upload the same file again
    Then it is refused as a conflict with the id of the first, in the bin
    When they restore the document
    Then a search for "paralleling" finds page 1

  Scenario Outline: A broken, an encrypted and a hostile file are kept with a reason
    Given a signed-in captain with a boat
    When they upload a <kind> file
    And the paper is read
    Then the paper has failed because it is "<reason>"
    And its bytes can still be downloaded unchanged
    And another paper is read after it

    Examples:
      | kind      | reason      |
      | broken    | broken      |
      | encrypted | encrypted   |
      | hostile   | unsupported |
